//go:build linux

package bench

import "strconv"

// The names by which the aims know the servers whose events are each for one stream.
const (
	subjectsName = "engine, an event for each subject"
	privateName  = "engine, a private event for each token"
)

// each is the engine with events that are each for one stream.
func each(bin string, tokens bool) Subject {
	s := Subject{
		Name: subjectsName, Settings: "the stream engine alone; streams have a subject and three roles, each message is published once for every subject",
		Reference: true, Pushes: true, Path: "/stream",
		Command: func(p Place) (Command, error) {
			return Command{Args: []string{
				bin + "/each", "-streams", strconv.Itoa(p.Streams), "-publish", strconv.Itoa(p.Publish), "-tokens=" + strconv.FormatBool(tokens),
			}}, nil
		},
		Publish: func(payload string) Request { return Request{Path: "/", Type: jsonType, Body: payload} },
	}
	if tokens {
		s.Name, s.Settings = privateName, "the same, but sent to every token"
	}
	return s
}
