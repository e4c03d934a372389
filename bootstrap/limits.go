package bootstrap

import (
	"errors"
	"fmt"

	"heliograph/adapters/inbound/limits"
)

// LimitsConfig bounds what one subject, or one address, may have and do; 0 is no bound.
type LimitsConfig struct {
	// SubjectConnections and AddressConnections are open streams on this node.
	SubjectConnections int `env:"LIMIT_SUBJECT_CONNECTIONS" envDefault:"0"`
	AddressConnections int `env:"LIMIT_ADDRESS_CONNECTIONS" envDefault:"0"`
	// SubjectConnects and AddressConnects are streams that are opened in a second.
	SubjectConnects int `env:"LIMIT_SUBJECT_CONNECTS" envDefault:"0"`
	AddressConnects int `env:"LIMIT_ADDRESS_CONNECTS" envDefault:"0"`
	// SubjectStarts and AddressStarts are tasks that are started in a second.
	SubjectStarts int `env:"LIMIT_SUBJECT_STARTS" envDefault:"0"`
	AddressStarts int `env:"LIMIT_ADDRESS_STARTS" envDefault:"0"`
	// SubjectTasks are tasks that have not ended, on all nodes.
	SubjectTasks int `env:"LIMIT_SUBJECT_TASKS" envDefault:"0"`
}

func (c LimitsConfig) any() bool { return c != LimitsConfig{} }

// addresses reports whether addresses have limits.
func (c LimitsConfig) addresses() bool {
	return c.AddressConnections > 0 || c.AddressConnects > 0 || c.AddressStarts > 0
}

func (c LimitsConfig) validate() error {
	var errs []error
	for name, limit := range map[string]int{
		"LIMIT_SUBJECT_CONNECTIONS": c.SubjectConnections, "LIMIT_ADDRESS_CONNECTIONS": c.AddressConnections,
		"LIMIT_SUBJECT_CONNECTS": c.SubjectConnects, "LIMIT_ADDRESS_CONNECTS": c.AddressConnects,
		"LIMIT_SUBJECT_STARTS": c.SubjectStarts, "LIMIT_ADDRESS_STARTS": c.AddressStarts, "LIMIT_SUBJECT_TASKS": c.SubjectTasks,
	} {
		if limit < 0 {
			errs = append(errs, fmt.Errorf("%s: %d is negative; 0 is no limit", name, limit))
		}
	}
	return errors.Join(errs...)
}

func (c LimitsConfig) adapter(refused func(string)) limits.Config {
	return limits.Config{
		Subject: limits.Limits{Connections: c.SubjectConnections, Connects: c.SubjectConnects, Starts: c.SubjectStarts, Tasks: c.SubjectTasks},
		Address: limits.Limits{Connections: c.AddressConnections, Connects: c.AddressConnects, Starts: c.AddressStarts},
		Refused: refused,
	}
}
