//go:build linux

package bench

import (
	"strconv"
)

// Own returns what needs nothing but this repository: heliograph and the
// references. The binaries are in bin.
func Own(bin string) []Subject {
	return []Subject{limit(bin, false), limit(bin, true), bareGin(bin), heliograph(bin), portable(bin), each(bin, false), each(bin, true)}
}

// The references, by whose names the aims know them.
const (
	limitEach   = "limit, one write per delivery"
	limitBatch  = "limit, all pending bytes in one write"
	bareGinName = "bare gin handler"
	ownName     = "heliograph"
)

func limit(bin string, batch bool) Subject {
	s := Subject{
		Name:      limitEach,
		Settings:  "two writing threads, raw system calls",
		Reference: true,
		Path:      "/",
		Command: func(p Place) (Command, error) {
			return Command{Args: []string{
				bin + "/limit", "-streams", strconv.Itoa(p.Streams), "-publish", strconv.Itoa(p.Publish), "-batch=" + strconv.FormatBool(batch),
			}}, nil
		},
		Publish: func(payload string) Request { return Request{Path: "/", Type: jsonType, Body: payload} },
	}
	if batch {
		s.Name = limitBatch
	}
	return s
}

func bareGin(bin string) Subject {
	return Subject{
		Name:      bareGinName,
		Settings:  "hijacks, writes the headers, keeps the connection",
		Reference: true,
		Path:      "/stream",
		Command: func(p Place) (Command, error) {
			return Command{Args: []string{bin + "/baregin", "-streams", strconv.Itoa(p.Streams)}}, nil
		},
	}
}

func heliograph(bin string) Subject {
	return Subject{
		Name:     ownName,
		Settings: "`serve`, embedded gateway, memory broker; SSE_HISTORY_BYTES=1MiB (16MiB for replay), LOG_LEVEL=warn; publishing with POST /api/versions",
		Ours:     true,
		Version:  programVersion(bin+"/heliograph", "version"),
		Command: func(p Place) (Command, error) {
			history := "1MiB"
			if p.History {
				history = "16MiB"
			}
			return Command{
				Args: []string{bin + "/heliograph", "serve"},
				Env:  []string{"HTTP_ADDR=127.0.0.1:" + strconv.Itoa(p.Streams), "SSE_HISTORY_BYTES=" + history, "LOG_LEVEL=warn"},
			}, nil
		},
		Path: "/api/sse/stream?request_id=bench-{n}",
		Publish: func(payload string) Request {
			return Request{Streams: true, Path: "/api/versions", Type: jsonType, Body: payload}
		},
		Resumes: true,
		Greets:  true,
	}
}

// portable is the other transport, which TLS and HTTP/2 get.
func portable(bin string) Subject {
	s := heliograph(bin)
	command := s.Command
	s.Name, s.Settings = "heliograph, portable transport", "the same with SSE_TRANSPORT=portable"
	s.Command = func(p Place) (Command, error) {
		c, err := command(p)
		c.Env = append(c.Env, "SSE_TRANSPORT=portable")
		return c, err
	}
	return s
}
