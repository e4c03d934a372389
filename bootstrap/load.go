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

// Load reads the configuration from environment variables by their names and
// checks it. The error joins every mistake, one a line, and each names its
// variable.
func Load(environ map[string]string, host Host) (Config, error) {
	r := reader{host: host}
	cfg, err := r.read(environ)
	if len(r.unread) == 0 {
		return cfg, errors.Join(err, cfg.validate())
	}
	// What cannot be read hides nothing: the rest is judged with its default.
	rest := maps.Clone(environ)
	for _, name := range r.unread {
		delete(rest, name)
	}
	cfg, err = r.read(rest)
	return cfg, errors.Join(errors.Join(r.mistakes...), err, cfg.validate())
}

// reader reads variables and remembers what it could not read.
type reader struct {
	host     Host
	variable string // being read; env's own errors name the field instead
	unread   []string
	mistakes []error
}

// read fills a Config. Its error is about a text that could not be read, and is
// in mistakes too, or about Config itself.
func (r *reader) read(environ map[string]string) (Config, error) {
	cfg := Config{NodeName: r.host.Name, Log: LogConfig{Format: LogJSON}}
	if r.host.Terminal {
		cfg.Log.Format = LogText
	}
	err := env.ParseWithOptions(&cfg, env.Options{
		Environment: environ,
		OnSet:       func(name string, _ any, _ bool) { r.variable = name },
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[int]():           parser(r, strconv.Atoi, "a whole number"),
			reflect.TypeFor[time.Duration](): parser(r, time.ParseDuration, "a duration such as 15s or 5m"),
			reflect.TypeFor[ByteSize]():      parser(r, ParseByteSize, "a size such as 64KiB"),
		},
	})
	return cfg, err
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
