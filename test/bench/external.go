//go:build linux

package bench

import (
	"fmt"
	"strconv"
)

// External returns what shows heliograph behind a gateway in a process of its
// own, which is its own gateway role: with all extensions of the protocol,
// without any, and beside both what a bare client reaches against that gateway.
// The figures of two processes are those of both together.
func External(bin string) []Subject {
	return []Subject{heliograph(bin), external(bin), plain(bin), pusher(bin, bareClientName, "64 kept-alive connections", 64, false), pusher(bin, serialName, "a new connection for each push", 1, true)}
}

// The names by which the aims know them.
const (
	externalName   = "heliograph, gateway in its own process"
	plainName      = "the same without the protocol's extensions"
	bareClientName = "bare client that pushes in parallel"
	serialName     = "one push after the other"
)

func external(bin string) Subject {
	s := heliograph(bin)
	s.Name, s.Settings = externalName, "`gateway` and `serve` with SSE_GATEWAY=http, otherwise as heliograph"
	s.Resumes, s.Greets = false, false
	s.Command = func(p Place) (Command, error) {
		return both(bin, p, "HTTP_ADDR=127.0.0.1:"+strconv.Itoa(p.Publish)+
			" SSE_GATEWAY=http SSE_GATEWAY_URL="+local(p.Streams)+" exec "+bin+"/heliograph serve", "/api/sse/callback"), nil
	}
	s.Path = "/?request_id=bench-{n}"
	s.Publish = func(payload string) Request {
		return Request{Path: "/api/versions", Type: jsonType, Body: payload}
	}
	return s
}

func plain(bin string) Subject {
	s := external(bin)
	with := s.Command
	s.Name, s.Settings, s.Pushes = plainName, "the same; GATEWAY_EXTENSIONS=none", true
	s.Command = func(p Place) (Command, error) {
		c, err := with(p)
		c.Env = append(c.Env, "GATEWAY_EXTENSIONS=none")
		return c, err
	}
	return s
}

func pusher(bin, name, settings string, parallel int, fresh bool) Subject {
	return Subject{
		Name: name, Settings: settings + ", to the same gateway", Reference: true, Pushes: true,
		Command: func(p Place) (Command, error) {
			return both(bin, p, fmt.Sprintf("exec %s/pusher -publish %d -gateway %s -parallel %d -fresh=%t",
				bin, p.Publish, local(p.Streams), parallel, fresh), "/callback"), nil
		},
		Path:    "/?request_id=bench-{n}",
		Publish: func(payload string) Request { return Request{Path: "/", Type: jsonType, Body: payload} },
	}
}

// both starts the gateway role and, in the process that is looked at, a backend.
func both(bin string, p Place, backend, callback string) Command {
	gateway := fmt.Sprintf("PORT=%d CALLBACK_URL=%s%s %s/heliograph gateway & ", p.Streams, local(p.Publish), callback, bin)
	return Command{Args: []string{"/bin/sh", "-c", gateway + backend}, Env: []string{"SSE_HISTORY_BYTES=1MiB", "LOG_LEVEL=warn"}}
}

func local(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) }
