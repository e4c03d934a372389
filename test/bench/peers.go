//go:build linux

package bench

import (
	"cmp"
	"debug/buildinfo"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// Peers returns other people's gateways, as far as they can be had, and for the
// others why not. The servers on Go libraries are in bin; programs are the
// values of PEER_MERCURE and PEER_CENTRIFUGO, "" if unset.
func Peers(bin string, programs map[string]string) (found []Subject, missing map[string]string) {
	found = []Subject{
		library(bin, "r3labs/sse", "github.com/r3labs/sse/v2", "/?stream=bench", true, "default buffers; AutoReplay only for replay, since it keeps every event"),
		library(bin, "go-sse", "github.com/tmaxmax/go-sse", "/", true, "Joe; a FiniteReplayer of 20,000 only for replay"),
		library(bin, "centrifuge", "github.com/centrifugal/centrifuge", "/", false, "unidirectional SSE transport, memory broker, no pings, no history"),
	}
	missing = map[string]string{}
	for _, p := range []struct {
		subject Subject
		needs   string // a file or a command
		hint    string
	}{
		{nchan(), nchanModule, "install libnginx-mod-nchan"},
		{pushpin(), "pushpin", "install pushpin"},
		{mercure(programs["PEER_MERCURE"]), programs["PEER_MERCURE"], "set PEER_MERCURE to the program"},
		{centrifugo(programs["PEER_CENTRIFUGO"]), programs["PEER_CENTRIFUGO"], "set PEER_CENTRIFUGO to the program"},
	} {
		if there(p.needs) {
			found = append(found, p.subject)
		} else {
			missing[p.subject.Name] = p.hint
		}
	}
	return found, missing
}

// there says whether a file exists or a command can be found.
func there(name string) bool {
	if name == "" {
		return false
	}
	if _, err := os.Stat(name); err == nil {
		return true
	}
	_, err := exec.LookPath(name)
	return err == nil
}

// library is a small server of ours on a third-party Go module.
func library(bin, name, module, path string, resumes bool, settings string) Subject {
	program := bin + "/peer-" + strings.ReplaceAll(strings.TrimSuffix(name, "/sse"), "-", "")
	return Subject{
		Name:     name,
		Settings: "Go library; " + settings,
		Version:  func() string { return ModuleVersion(program, module) },
		Path:     path,
		Publish:  func(payload string) Request { return Request{Path: "/", Type: jsonType, Body: payload} },
		Resumes:  resumes,
		Command: func(p Place) (Command, error) {
			return Command{Args: []string{
				program, "-streams", strconv.Itoa(p.Streams), "-publish", strconv.Itoa(p.Publish), "-replay=" + strconv.FormatBool(p.History),
			}}, nil
		},
	}
}

// ModuleVersion reads which version of module a program was built with.
func ModuleVersion(program, module string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			return dep.Version
		}
	}
	return ""
}

// programVersion is the first line that a command prints, or "".
func programVersion(program string, args ...string) func() string {
	return func() string {
		out, _ := exec.Command(program, args...).CombinedOutput() //nolint:noctx,gosec // returns at once; the benchmark's own
		line, _, _ := strings.Cut(string(out), "\n")
		return cmp.Or(strings.TrimSpace(line), "version unknown")
	}
}
