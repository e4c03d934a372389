package task

import "math"

// Progress is how far a task is, as it said itself (rule T4).
type Progress struct {
	// Text is what to show a person. "" until the task said something.
	Text string `json:"text"`
	// Value is the share that is done, 0.0–1.0; within an attempt it never falls.
	Value float64 `json:"value"`
	// Stage is the part that the task is at, 1 to Stages; 0 when it has none.
	Stage  int `json:"stage,omitempty"`
	Stages int `json:"stages,omitempty"`
	// Done of Total units are done, of the stage if there is one. A Total of 0 is
	// unknown.
	Done  float64 `json:"done,omitempty"`
	Total float64 `json:"total,omitempty"`
	// Unit is what Done and Total count: "files", "MiB".
	Unit string `json:"unit,omitempty"`
}

// Update is one report of progress; what is nil keeps its last value. Its JSON is
// what workers post and commands print.
type Update struct {
	Text   *string  `json:"text,omitempty"`
	Value  *float64 `json:"value,omitempty"`
	Stage  *int     `json:"stage,omitempty"`
	Stages *int     `json:"stages,omitempty"`
	Done   *float64 `json:"done,omitempty"`
	Total  *float64 `json:"total,omitempty"`
	Unit   *string  `json:"unit,omitempty"`
}

// Usable returns u without the numbers that say nothing: NaN, and for Done and
// Total an infinity.
func (u Update) Usable() Update {
	if u.Value != nil && math.IsNaN(*u.Value) {
		u.Value = nil
	}
	u.Done, u.Total = finite(u.Done), finite(u.Total)
	return u
}

func finite(f *float64) *float64 {
	if f == nil || math.IsNaN(*f) || math.IsInf(*f, 0) {
		return nil
	}
	return f
}

// With returns p after a usable u. When u has no value of its own, stages and
// units make one, if it has any of them. Values are clamped to 0–1 and never
// fall, other numbers below 0 are 0; a stage is at most the last one, and no more
// units are done than there are. Another stage begins with no units.
func (p Progress) With(u Update) Progress {
	stage := p.Stage
	set(&p.Stage, u.Stage)
	set(&p.Stages, u.Stages)
	p.Stage, p.Stages = clamp(p.Stage, p.Stages)
	if p.Stage != stage {
		p.Done, p.Total, p.Unit = 0, 0, ""
	}
	set(&p.Text, u.Text)
	set(&p.Done, u.Done)
	set(&p.Total, u.Total)
	set(&p.Unit, u.Unit)
	p.Done, p.Total = clamp(p.Done, p.Total)
	switch {
	case u.Value != nil:
		p.Value = max(p.Value, min(*u.Value, 1))
	case u.Stage != nil || u.Stages != nil || u.Done != nil || u.Total != nil:
		p.Value = max(p.Value, p.share())
	}
	return p
}

// clamp returns n and what it is of, neither below 0, and n at most what it is of
// if that is known (above 0).
func clamp[T int | float64](n, of T) (clamped, whole T) {
	n, of = max(n, 0), max(of, 0)
	if of > 0 {
		n = min(n, of)
	}
	return n, of
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// share is what stages and units say: the stages before this one are done, and
// of this one as much as of its units.
func (p Progress) share() float64 {
	units := 0.0
	if p.Total > 0 {
		units = p.Done / p.Total
	}
	if p.Stages == 0 {
		return units
	}
	return (float64(max(p.Stage, 1)-1) + units) / float64(p.Stages)
}
