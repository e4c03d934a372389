// Command heliograph is the service, and the small commands around it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"heliograph/adapters/inbound/taskcli"
	"heliograph/bootstrap"
)

func main() {
	host, _ := os.Hostname() // without a name NODE_NAME must be set, and is asked for
	p := program{
		args: os.Args[1:], environ: variables(os.Environ()), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		host: bootstrap.Host{Name: host, Terminal: term.IsTerminal(int(os.Stderr.Fd()))},
	}
	os.Exit(p.run(context.Background()))
}

// variables makes a map of name=value texts.
func variables(environ []string) map[string]string {
	all := make(map[string]string, len(environ))
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		all[name] = value
	}
	return all
}

// program is one call of the command, with all that it gets from outside.
type program struct {
	args           []string
	environ        map[string]string
	stdin          io.Reader
	stdout, stderr io.Writer
	host           bootstrap.Host
	// log is where a role that serves writes, and every error; run makes it of stderr.
	log *bootstrap.LogBuffer
}

// flushTime is for the last lines of the log at the end: what is not read by then
// is lost.
const flushTime = time.Second

// commands is the command line.
type commands struct {
	Serve       serveCommand       `cmd:"" default:"1" help:"Run the service. This is what happens without a command, too."`
	Run         runCommand         `cmd:"" help:"Start a task on a running service and follow it to its end."`
	Start       startCommand       `cmd:"" help:"Start a task on a running service and print its ID."`
	Tasks       tasksCommand       `cmd:"" help:"List the tasks of a running service."`
	Task        taskCommand        `cmd:"" help:"Show one task, or what it has printed, or follow it to its end."`
	Cancel      cancelCommand      `cmd:"" help:"Cancel tasks: some by their IDs, or all that are of a type, say."`
	Retry       retryCommand       `cmd:"" help:"Start an ended task anew, with the same params or with others."`
	Remove      removeCommand      `cmd:"" help:"Remove tasks that have ended."`
	Watch       watchCommand       `cmd:"" help:"Show what comes over a stream of a running service, as it comes."`
	Connections connectionsCommand `cmd:"" help:"List the open streams of a running service, or end one."`
	Publish     publishCommand     `cmd:"" help:"Publish an event of the application's own on a running service."`
	Explain     explainCommand     `cmd:"" help:"Say why a browser did not see something: what became of the events for its stream."`
	Types       typesCommand       `cmd:"" help:"List the task types of a running service, or write them as TypeScript for the client library."`
	Gateway     gatewayCommand     `cmd:"" help:"Run an SSE gateway for a backend, and nothing else."`
	Key         keyCommand         `cmd:"" help:"Make API keys for servers and workers."`
	Token       tokenCommand       `cmd:"" help:"Make a JWT for development, or explain what one says."`
	Config      configCommand      `cmd:"" help:"Show the effective configuration and where each value comes from."`
	Check       checkCommand       `cmd:"" help:"Say what is wrong with a file for TASKS_FILE; exit status 0 or 1."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask the service on this machine whether it is alive; exit status 0 or 1."`
	Completion  completionCommand  `cmd:"" help:"Print what makes a shell complete commands and options."`
	Version     versionCommand     `cmd:"" help:"Show the version."`
	Complete    completeCommand    `cmd:"" name:"__complete" hidden:""`
}

const description = `One Server-Sent-Events stream per browser for all that happens on the server.

The service is configured by environment variables; "heliograph config" lists them.`

// run returns the exit status: 0, or 1 for any failure; runCommand has more.
func (p *program) run(ctx context.Context) int {
	p.log = bootstrap.NewLogBuffer(p.stderr)
	defer p.flush(context.WithoutCancel(ctx))
	exited := -1 // until kong wants to exit by itself, after its help
	parser, err := kong.New(&commands{}, kong.Name("heliograph"), kong.Description(description),
		kong.Writers(p.stdout, p.stderr), kong.Exit(func(status int) { exited = status }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(p))
	if err != nil {
		return p.fail(err)
	}
	command, err := parser.Parse(p.args)
	if exited >= 0 {
		return exited
	}
	if isOfClient(err) {
		p.fail(err)
		return taskcli.Usage
	}
	if err == nil {
		err = command.Run()
	}
	if status, ok := errors.AsType[statusError](err); ok {
		return int(status)
	}
	return p.fail(err)
}

// flush waits for the log, but not for ever.
func (p *program) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	_ = p.log.Flush(ctx) // nothing reads it
}

// fail reports err, one mistake a line, and returns the exit status.
func (p *program) fail(err error) int {
	if err == nil {
		return 0
	}
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintf(p.log, "heliograph: %s\n", strings.TrimSpace(line))
	}
	return 1
}
