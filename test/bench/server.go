//go:build linux

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"heliograph/test/bench/load"
)

// server is a running subject.
type server struct {
	subject *Subject
	place   Place
	cmd     *exec.Cmd
	output  *bytes.Buffer
	exited  chan struct{}
}

// startServer starts s on free ports and returns once it can be reached.
func startServer(ctx context.Context, s *Subject, history bool) (*server, error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	more := max(s.Nodes, 1) - 1
	ports, err := freePorts(2 + more + s.Spare)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	v := &server{subject: s, place: Place{
		Dir: dir, Streams: ports[0], Publish: ports[1], More: ports[2 : 2+more], Spare: ports[2+more:], History: history,
	}}
	if err := v.start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return v, nil
}

// Start starts s for a Take. It returns the port of its streams once it can be reached, and
// what ends it.
func Start(ctx context.Context, s *Subject) (port int, stop func() error, err error) {
	v, err := startServer(ctx, s, false)
	if err != nil {
		return 0, nil, err
	}
	return v.place.Streams, v.stop, nil
}

func (v *server) start(ctx context.Context) error {
	command, err := v.subject.Command(v.place)
	if err != nil {
		return fmt.Errorf("start %s: %w", v.subject.Name, err)
	}
	v.output, v.exited = new(bytes.Buffer), make(chan struct{})
	v.cmd = exec.CommandContext(ctx, command.Args[0], command.Args[1:]...) //nolint:gosec // the benchmark's own commands
	v.cmd.Dir, v.cmd.Stdout, v.cmd.Stderr = v.place.Dir, v.output, v.output
	v.cmd.Env = append([]string{"PATH=" + path, "HOME=" + v.place.Dir}, command.Env...)
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for the runner, which then ends it
	v.cmd.Cancel = v.signal
	if err := v.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", v.subject.Name, err)
	}
	go func() {
		_ = v.cmd.Wait() // it is killed in the end
		close(v.exited)
	}()
	if err := v.awaitReady(ctx); err != nil {
		v.kill()
		return fmt.Errorf("start %s: %w\n%s", v.subject.Name, err, v.output)
	}
	return nil
}

// path is where peers' programs are looked for.
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// awaitReady returns when the server opens streams and takes connections for
// publishing.
func (v *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for !v.streamable(ctx) || v.subject.Publish != nil && !reachable(ctx, v.publishPort()) {
		select {
		case <-every.C:
		case <-v.exited:
			return errors.New("it exited")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// ports are those that streams are spread to.
func (v *server) ports() []int { return append([]int{v.place.Streams}, v.place.More...) }

// streamable opens a stream on each node.
func (v *server) streamable(ctx context.Context) bool {
	return !slices.ContainsFunc(v.ports(), func(port int) bool { return !v.opens(ctx, port) })
}

// opens opens a stream: a server may take connections and not know yet what to
// do with them.
func (v *server) opens(ctx context.Context, port int) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	url := fmt.Sprintf("http://127.0.0.1:%d%s", port, v.subject.Path)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.ReplaceAll(url, "{n}", "0"), nil)
	if err != nil {
		return false
	}
	request.Close = true
	request.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

func reachable(ctx context.Context, port int) bool {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// stop ends the server and removes its files.
func (v *server) stop() error {
	v.kill()
	return os.RemoveAll(v.place.Dir)
}

// kill ends the server and its children at once: nothing of its state is needed.
func (v *server) kill() {
	_ = v.signal() // may have ended
	<-v.exited
}

// signal kills every process of the tree; some servers put theirs into groups
// of their own.
func (v *server) signal() error {
	var errs []error
	for _, pid := range tree(v.cmd.Process.Pid) {
		errs = append(errs, syscall.Kill(pid, syscall.SIGKILL))
	}
	return errors.Join(errs...)
}

// restart is a crash and a new start on the same ports.
func (v *server) restart(ctx context.Context) error {
	v.kill()
	return v.start(ctx)
}

func (v *server) usage() (usage, error) { return usageOf(v.cmd.Process.Pid) }

// streams asks for so many streams of this server.
func (v *server) streams(n, parallel int) load.ConnectArgs {
	return load.ConnectArgs{
		Ports: v.ports(), Path: v.subject.Path, Header: v.subject.Header, Streams: n, Parallel: parallel,
	}
}

// message is what is published to this server.
func (v *server) message() load.PublishArgs {
	return load.PublishArgs{Port: v.publishPort(), Request: v.subject.Publish(load.Payload(payloadSize)).bytes()}
}

func (v *server) publishPort() int {
	if v.subject.Publish(load.Payload(payloadSize)).Streams {
		return v.place.Streams
	}
	return v.place.Publish
}

// payloadSize is the length of every message's data.
const payloadSize = 150

// freePorts returns ports that were free a moment ago.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()                         //nolint:errcheck // only its number was wanted
		ports[i] = l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is TCP
	}
	return ports, nil
}
