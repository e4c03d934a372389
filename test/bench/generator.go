//go:build linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"

	"heliograph/test/bench/load"
)

// generator is the load generator's process.
type generator struct {
	cmd *exec.Cmd
	rpc *rpc.Client
}

func startGenerator(ctx context.Context, bin string) (*generator, error) {
	cmd := exec.CommandContext(ctx, bin+"/loadgen") //nolint:gosec // built by us
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		return nil, fmt.Errorf("start the load generator: %w", err)
	}
	return &generator{cmd: cmd, rpc: rpc.NewClient(pipes{out, in})}, nil
}

// pipes is a process's standard output and input as one connection.
type pipes struct {
	io.Reader
	io.WriteCloser
}

func (g *generator) connect(a load.ConnectArgs) (r load.Connected, err error) {
	return r, g.rpc.Call("Client.Connect", a, &r)
}

func (g *generator) publish(a load.PublishArgs) (r load.Published, err error) {
	return r, g.rpc.Call("Client.Publish", a, &r)
}

// drop ends all streams.
func (g *generator) drop() error {
	return g.rpc.Call("Client.Close", load.Nothing{}, &load.Nothing{})
}

func (g *generator) usage() (usage, error) { return usageOf(g.cmd.Process.Pid) }

// stop ends the process.
func (g *generator) stop() error { return errors.Join(g.rpc.Close(), g.cmd.Wait()) }
