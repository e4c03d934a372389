package bootstrap

import (
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"

	"heliograph/adapters/inbound/ginapi"
)

// Setting is one variable as it is in force.
type Setting = ginapi.Setting

// Where a Setting comes from.
const (
	fromDefault     = "default"
	fromEnvironment = "environment"
)

// given is which variables are set: in the environment, and not to the empty text.
type given map[string]bool

func givenIn(environ map[string]string) given {
	all := make(given, len(environ))
	for name, value := range environ {
		if value != "" {
			all[name] = true
		}
	}
	return all
}

// origin is where the value of a variable comes from.
func (g given) origin(name string) string {
	if g[name] {
		return fromEnvironment
	}
	return fromDefault
}

// Settings returns every variable, in the order of Config's fields.
func (c Config) Settings() []Setting { return settingsOf(reflect.ValueOf(c), c.given) }

func settingsOf(v reflect.Value, given given) []Setting {
	var all []Setting
	for field, value := range v.Fields() {
		if name := field.Tag.Get("env"); name != "" {
			all = append(all, Setting{Name: name, Value: fmt.Sprint(value.Interface()), Origin: given.origin(name)})
		} else if value.Kind() == reflect.Struct {
			all = append(all, settingsOf(value, given)...)
		}
	}
	return all
}

// LogValue returns the settings as attributes, for one line at start.
func (c Config) LogValue() slog.Value { return logValue(c.Settings()) }

func logValue(all []Setting) slog.Value {
	var attrs []slog.Attr
	for _, s := range all {
		attrs = append(attrs, slog.String(strings.ToLower(s.Name), s.Value))
	}
	return slog.GroupValue(attrs...)
}

// prefixes are those of our variables that other programs' hardly have.
var prefixes = []string{"SSE_", "TASK_", "TASKS_", "VERSION_", "FRONTEND_VERSION", "NATS_", "SHUTDOWN_GRACE", "AUTH_JWT", "AUTH_JWKS", "AUTH_KEYS"}

// Unknown returns the variables that look like ours and are not, sorted: they
// are most likely mistyped.
func Unknown(environ map[string]string) []string {
	known := Config{}.Settings()
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		ours := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
		if ours && !slices.ContainsFunc(known, func(s Setting) bool { return s.Name == name }) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}
