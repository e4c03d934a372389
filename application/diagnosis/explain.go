package diagnosis

import (
	"context"
	"slices"
	"strings"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
)

// explainQuestion asks a node what it knows of a request_id.
type explainQuestion struct {
	RequestID connection.RequestID `json:"request_id"`
	Asked     event.ID             `json:"asked"`
}

// explainAnswer is what a node knows.
type explainAnswer struct {
	Open   *diagnosis.Connection `json:"open,omitempty"`
	Fates  []diagnosis.Fate      `json:"fates,omitempty"` // of the open stream, or of the one that ended last
	Report *diagnosis.Report     `json:"report,omitempty"`
	Past   past                  `json:"past"`
	Reach  diagnosis.Reach       `json:"reach,omitempty"`
	// Unshared is Facts.Unshared.
	Unshared int `json:"unshared,omitempty"`
	// Alike is an open request_id that differs in the case of letters only; "" for none.
	Alike connection.RequestID `json:"alike,omitempty"`
}

// Explain implements diagnosis.Service.
func (s *Service) Explain(ctx context.Context, id connection.RequestID, asked event.ID) (diagnosis.Detail, error) {
	answers, missing, err := cluster.Ask[explainQuestion, explainAnswer](ctx, s.deps.Questions, topicExplain, explainQuestion{RequestID: id, Asked: asked})
	if err != nil {
		return diagnosis.Detail{}, err
	}
	d := diagnosis.Detail{Connection: diagnosis.Connection{RequestID: id}, Missing: missing}
	f := Facts{Asked: asked, Now: time.Now().UTC(), Gone: s.nodeGone(ctx, id, missing)}
	for _, a := range answers {
		f.Lives = append(f.Lives, a.Past.Lives...)
		f.Refusals = append(f.Refusals, a.Past.Refusals...)
		f.Alike = max(f.Alike, a.Alike)
		f.Unshared += a.Unshared
		if a.Open != nil && (f.Open == nil || a.Open.Since.After(f.Open.Since)) {
			f.Open, d.Fates, d.Report, f.Reach = a.Open, a.Fates, a.Report, a.Reach
		}
	}
	slices.SortFunc(f.Lives, func(a, b life) int { return a.End.At.Compare(b.End.At) })
	slices.SortFunc(f.Refusals, func(a, b diagnosis.Refusal) int { return a.At.Compare(b.At) })
	if f.Open == nil && len(f.Lives)+len(f.Refusals) == 0 && f.Gone == "" {
		if f.Alike == "" {
			return d, diagnosis.ErrUnknown
		}
	}
	switch {
	case f.Open != nil:
		d.Connection = *f.Open
	case len(f.Lives) > 0:
		last := f.Lives[len(f.Lives)-1]
		for _, a := range answers {
			if n := len(a.Past.Lives); n > 0 && a.Past.Lives[n-1].End == last.End {
				d.Fates = a.Fates
			}
		}
		d.Subject, d.Since, d.Ended, d.Report = last.Subject, last.Since, &last.End, last.Report
		d.Gateway, d.Node, d.Stream.Resumed = s.deps.Streams.Gateway(), last.Node, last.Resumed
	default:
		d.Gateway, d.Node = s.deps.Streams.Gateway(), f.Gone
	}
	f.Fates, f.Report = d.Fates, d.Report
	d.Findings = f.Findings()
	return d, nil
}

// nodeGone returns the node which the registry says has the stream if that did not answer.
func (s *Service) nodeGone(ctx context.Context, id connection.RequestID, missing []string) string {
	c, err := s.deps.Registry.ByRequestID(ctx, id)
	if err != nil || s.deps.Control.Owns(c.Node) {
		return ""
	}
	if slices.Contains(missing, c.Node) || !slices.Contains(s.deps.Nodes.Present(), c.Node) {
		return c.Node
	}
	return ""
}

// explainHere returns what this node knows.
func (s *Service) explainHere(ctx context.Context, q explainQuestion) (a explainAnswer, err error) {
	a.Past = s.deps.Book.pastOf(q.RequestID)
	subjects := map[connection.Token]string{}
	for c := range s.deps.Roster.All() {
		if c.Subject() != "" {
			subjects[c.Token] = c.Subject()
		}
		if c.RequestID != q.RequestID {
			if strings.EqualFold(string(c.RequestID), string(q.RequestID)) {
				a.Alike = c.RequestID
			}
			continue
		}
		a.Open = new(s.describe(c))
		a.Fates = s.deps.Streams.Fates(c.Token, a.Open.Since)
		if e, known := s.deps.Book.entry(c.Token); known {
			a.Report = e.report
		}
		if !q.Asked.IsZero() {
			a.Reach = s.deps.Streams.Reach(ctx, c, q.Asked)
		}
	}
	if a.Open != nil && a.Open.Subject != "" {
		a.Unshared = s.deps.Book.unshared(func(token connection.Token) bool { return subjects[token] == a.Open.Subject })
	}
	for i, l := range a.Past.Lives {
		fates := s.deps.Streams.Fates(l.Connection.Token, l.Since)
		if n := len(fates); n > 0 {
			a.Past.Lives[i].Why = fates[n-1].Why
		}
		if a.Open == nil && i == len(a.Past.Lives)-1 {
			a.Fates = fates
		}
	}
	return a, nil
}

// reportQuestion hands a report to the node that has the stream.
type reportQuestion struct {
	Token  connection.Token `json:"token"`
	Report diagnosis.Report `json:"report"`
}

// reportAnswer says what became of it.
type reportAnswer struct {
	Known bool          `json:"known"`
	Wait  time.Duration `json:"wait,omitempty"`
}

// Report implements diagnosis.Service.
func (s *Service) Report(ctx context.Context, id connection.RequestID, r diagnosis.Report) error {
	c, err := s.deps.Registry.ByRequestID(ctx, id)
	if err != nil {
		return err
	}
	if p := access.FromContext(ctx); p != nil && p.Subject != c.Subject() {
		return connection.ErrNotFound
	}
	q := reportQuestion{Token: c.Token, Report: r}
	var a reportAnswer
	if s.deps.Control.Owns(c.Node) {
		a, _ = s.reportHere(ctx, q)
	} else {
		answers, _, err := cluster.Ask[reportQuestion, reportAnswer](ctx, s.deps.Questions, topicReport, q, c.Node)
		if err != nil {
			return err
		}
		a = answers[c.Node]
	}
	switch {
	case !a.Known:
		return connection.ErrNotFound
	case a.Wait > 0:
		return &access.LimitError{What: "reports of one stream", RetryAfter: a.Wait}
	}
	return nil
}

func (s *Service) reportHere(_ context.Context, q reportQuestion) (a reportAnswer, err error) {
	a.Wait, a.Known = s.deps.Book.report(q.Token, q.Report)
	return a, nil
}
