package bootstrap

import (
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Setting is one variable as it is in force.
type Setting struct {
	Name string
	// Value is fit to be shown: secrets are masked.
	Value string
}

// Settings returns every variable, in the order of Config's fields.
func (c Config) Settings() []Setting { return settingsOf(reflect.ValueOf(c)) }

func settingsOf(v reflect.Value) []Setting {
	var all []Setting
	for field, value := range v.Fields() {
		if name := field.Tag.Get("env"); name != "" {
			all = append(all, Setting{Name: name, Value: fmt.Sprint(value.Interface())})
		} else {
			all = append(all, settingsOf(value)...)
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
