package bootstrap

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"time"

	"github.com/caarlos0/env/v11"
)

// Host is what the defaults of some variables depend on.
type Host struct {
	Name string // the default of NODE_NAME
	// Terminal says that a person reads the log as it is written.
	Terminal bool
}

// log is the log's configuration before any variable was read.
func (h Host) log() LogConfig {
	if h.Terminal {
		return LogConfig{Format: LogText}
	}
	return LogConfig{Format: LogJSON}
}

// Load reads the configuration from environment variables by their names and
// checks it. The error joins every mistake, one a line, and each names its
// variable.
func Load(environ map[string]string, host Host) (Config, error) {
	return load(environ, Config{
		NodeName: host.Name, Log: host.log(), HTTP: defaultHTTP(Environment(environ["APP_ENV"])),
		Auth:  AuthConfig{Mode: defaultAuth(Environment(environ["APP_ENV"]))},
		Tasks: TasksConfig{CleanupInterval: defaultCleanupInterval(environ)},
		given: givenIn(environ),
	})
}

// defaultHTTP has the defaults of HTTP_ADDR and CONSOLE. On a developer's machine no other
// host is to reach the service (rule S5), and its page is there for trying things out.
func defaultHTTP(env Environment) HTTPConfig {
	if env == Production {
		return HTTPConfig{Addr: ":8080", Console: ConsoleOff}
	}
	return HTTPConfig{Addr: "localhost:8080", Console: ConsoleFull}
}

// defaultCleanupInterval is the default of TASK_CLEANUP_INTERVAL (rule T9): what is
// kept on disk may be asked for on the next day.
func defaultCleanupInterval(environ map[string]string) time.Duration {
	if environ["DATA_DIR"] != "" || environ["NATS_URL"] != "" {
		return 24 * time.Hour
	}
	return 600 * time.Second
}

// load reads variables over what is in cfg.
func load[C interface{ validate() error }](environ map[string]string, cfg C) (C, error) {
	var r reader
	loaded := cfg
	err := r.read(environ, &loaded)
	if len(r.unread) == 0 {
		return loaded, errors.Join(err, loaded.validate())
	}
	// What cannot be read hides nothing: the rest is judged with its default.
	rest := maps.Clone(environ)
	for _, name := range r.unread {
		delete(rest, name)
	}
	loaded = cfg
	err = r.read(rest, &loaded)
	return loaded, errors.Join(errors.Join(r.mistakes...), err, loaded.validate())
}

// reader reads variables and remembers what it could not read.
type reader struct {
	variable string // being read; env's own errors name the field instead
	unread   []string
	mistakes []error
}

// read fills cfg, a pointer to a struct. Its error is about a text that could
// not be read, and is in mistakes too, or about the struct itself.
func (r *reader) read(environ map[string]string, cfg any) error {
	return env.ParseWithOptions(cfg, env.Options{
		Environment: environ,
		OnSet:       func(name string, _ any, _ bool) { r.variable = name },
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[int]():           parser(r, strconv.Atoi, "a whole number"),
			reflect.TypeFor[time.Duration](): parser(r, time.ParseDuration, "a duration such as 15s or 5m"),
			reflect.TypeFor[ByteSize]():      parser(r, ParseByteSize, "a size such as 64KiB"),
		},
	})
}

// parser makes env's parser of parse. want says what would have been right.
func parser[T any](r *reader, parse func(string) (T, error), want string) env.ParserFunc {
	return func(text string) (any, error) {
		value, err := parse(text)
		if err != nil {
			r.unread = append(r.unread, r.variable)
			r.mistakes = append(r.mistakes, fmt.Errorf("%s: %q is not %s", r.variable, text, want))
		}
		return value, err
	}
}
