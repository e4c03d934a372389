//go:build linux

package bench

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Results is what a campaign found out.
type Results struct {
	When     time.Time
	Machine  Machine
	Command  string // that made it
	Options  Options
	Subjects []Outcome
	// Missing are peers that were asked for and could not be had, with the reason.
	Missing map[string]string
	// Output are the rounds of RunOutput, by the place of what is printed.
	Output []map[Where]Round `json:",omitempty"`
}

// Outcome is what was found out about one subject.
type Outcome struct {
	Name, Version, Settings string
	Part                    string `json:",omitempty"` // of the page
	Ours, Reference         bool
	// BySize has the medians for each number of connections, and Recovery those of
	// clients that come back, at the largest.
	BySize   map[int]Round
	Recovery Round
}

// Run measures all subjects: each round all of them one after the other, so
// that what the machine does meanwhile falls on all alike. A subject that fails
// is left out of that round, with a warning.
func Run(ctx context.Context, subjects []Subject, o Options, bin string, log *slog.Logger) (Results, error) {
	c := &campaign{subjects: subjects, options: o, bin: bin, log: log}
	for _, size := range o.Sizes {
		if err := c.size(ctx, size); err != nil {
			return Results{}, err
		}
	}
	if err := c.recovery(ctx, slices.Max(o.Sizes)); err != nil {
		return Results{}, err
	}
	return Results{When: time.Now(), Machine: thisMachine(), Options: o, Subjects: c.outcomes()}, nil
}

type campaign struct {
	subjects []Subject
	options  Options
	bin      string
	log      *slog.Logger
	bySize   map[string]map[int]Round // of each subject
	back     map[string]Round         // likewise
}

func (c *campaign) size(ctx context.Context, size int) error {
	n := c.options.Rounds
	if size < slices.Max(c.options.Sizes) {
		n = cmp.Or(c.options.Below, n)
	}
	rounds, err := c.rounds(ctx, n, fmt.Sprintf("%d connections", size), c.with(size), func(s *Subject) (Round, error) {
		if s.Take != nil {
			return s.Take(ctx, s)
		}
		return Measure(ctx, s, size, c.options, c.bin)
	})
	if c.bySize == nil {
		c.bySize = map[string]map[int]Round{}
	}
	for name, all := range rounds {
		if c.bySize[name] == nil {
			c.bySize[name] = map[int]Round{}
		}
		c.bySize[name][size] = median(all)
	}
	return err
}

// with returns the subjects that are measured with so many connections.
func (c *campaign) with(size int) []Subject {
	return slices.DeleteFunc(slices.Clone(c.subjects), func(s Subject) bool { return s.Sizes != nil && !slices.Contains(s.Sizes, size) })
}

func (c *campaign) recovery(ctx context.Context, size int) error {
	able := slices.DeleteFunc(slices.Clone(c.subjects), func(s Subject) bool { return !s.Resumes || c.options.Missed == 0 })
	rounds, err := c.rounds(ctx, c.options.Rounds, fmt.Sprintf("recovery, %d connections", size), able, func(s *Subject) (Round, error) {
		return Recover(ctx, s, size, c.options, c.bin)
	})
	c.back = map[string]Round{}
	for name, all := range rounds {
		c.back[name] = median(all)
	}
	return err
}

// rounds takes all rounds of one kind. The error is the context's.
func (c *campaign) rounds(ctx context.Context, n int, kind string, subjects []Subject, f func(*Subject) (Round, error)) (map[string][]Round, error) {
	all := map[string][]Round{}
	for i := range n {
		for _, s := range subjects {
			r, err := f(&s)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			at := []slog.Attr{slog.String("what", kind), slog.Int("round", i+1), slog.String("subject", s.Name)}
			if err != nil {
				c.log.LogAttrs(ctx, slog.LevelWarn, "round failed", append(at, slog.Any("error", err))...)
				continue
			}
			all[s.Name] = append(all[s.Name], r)
			c.log.LogAttrs(ctx, slog.LevelInfo, "round done", append(at, figureAttrs(r)...)...)
		}
	}
	return all, nil
}

func figureAttrs(r Round) []slog.Attr {
	var attrs []slog.Attr
	all := slices.Concat(columns, recoveryColumns[:len(recoveryColumns)-1]) // both end with what was lost
	for _, part := range clientParts {
		all = append(all, part.columns...)
	}
	for _, col := range all {
		if v, ok := r.Figures[col.figure]; ok {
			attrs = append(attrs, slog.String(string(col.figure), col.show(v)))
		}
	}
	return attrs
}

func (c *campaign) outcomes() []Outcome {
	all := make([]Outcome, len(c.subjects))
	for i, s := range c.subjects {
		all[i] = Outcome{
			Name: s.Name, Part: s.Part, Settings: s.Settings, Ours: s.Ours, Reference: s.Reference,
			BySize: c.bySize[s.Name], Recovery: c.back[s.Name],
		}
		if s.Version != nil {
			all[i].Version = s.Version()
		}
	}
	return all
}
