package diagnosis

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/gateway"
)

// The topics of the questions that nodes ask each other.
const (
	topicList    = "connections"
	topicExplain = "connection"
	topicReport  = "report"
)

// Deps are what a Service uses. All are required.
type Deps struct {
	Node      string // this one's name
	Roster    connection.Roster
	Registry  connection.Registry
	Control   gateway.Control
	Nodes     cluster.Nodes
	Streams   diagnosis.Streams
	Questions cluster.Questions
	Book      *Book
}

// Service implements diagnosis.Service. It is safe for concurrent use.
type Service struct{ deps Deps }

var _ diagnosis.Service = (*Service)(nil)

// New returns a Service, which answers what other nodes ask.
func New(deps Deps) *Service {
	s := &Service{deps: deps}
	cluster.Answer(deps.Questions, topicList, s.listHere)
	cluster.Answer(deps.Questions, topicExplain, s.explainHere)
	cluster.Answer(deps.Questions, topicReport, s.reportHere)
	return s
}

// listQuestion asks a node for its part of a page.
type listQuestion struct {
	Subject string `json:"subject,omitempty"`
	Prefix  string `json:"prefix,omitempty"`
	Behind  bool   `json:"behind,omitempty"`
	Limit   int    `json:"limit"`
	After   place  `json:"after"`
}

// listAnswer is a node's part of a page.
type listAnswer struct {
	Connections []diagnosis.Connection `json:"connections"`
	Total       int                    `json:"total"`
}

// List implements diagnosis.Service.
func (s *Service) List(ctx context.Context, q diagnosis.Query) (diagnosis.Page, error) {
	after, err := parsePlace(q.After)
	if err != nil {
		return diagnosis.Page{}, err
	}
	var nodes []string
	if q.Node != "" {
		nodes = []string{q.Node}
	}
	answers, missing, err := cluster.Ask[listQuestion, listAnswer](ctx, s.deps.Questions, topicList,
		listQuestion{Subject: q.Subject, Prefix: q.Prefix, Behind: q.Behind, Limit: q.Limit + 1, After: after}, nodes...)
	if err != nil {
		return diagnosis.Page{}, err
	}
	page := diagnosis.Page{Missing: missing}
	for _, a := range answers {
		page.Total += a.Total
		page.Connections = append(page.Connections, a.Connections...)
	}
	slices.SortFunc(page.Connections, func(a, b diagnosis.Connection) int { return placeOf(a).compare(placeOf(b)) })
	if len(page.Connections) > q.Limit {
		page.Connections = page.Connections[:q.Limit]
		page.Next = placeOf(page.Connections[q.Limit-1]).String()
	}
	return page, nil
}

// listHere returns this node's part.
func (s *Service) listHere(_ context.Context, q listQuestion) (a listAnswer, err error) {
	var found []connection.Connection
	for c := range s.deps.Roster.All() {
		if !strings.HasPrefix(string(c.RequestID), q.Prefix) || q.Subject != "" && c.Subject() != q.Subject {
			continue
		}
		if q.Behind && !s.behind(c) {
			continue
		}
		a.Total++
		if (place{c.RequestID, s.deps.Node}).compare(q.After) > 0 {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b connection.Connection) int { return cmp.Compare(a.RequestID, b.RequestID) })
	a.Connections = make([]diagnosis.Connection, 0, min(q.Limit, len(found)))
	for _, c := range found[:min(q.Limit, len(found))] {
		a.Connections = append(a.Connections, s.describe(c))
	}
	return a, nil
}

// behind reports whether anything waits for the stream of a connection of this node.
func (s *Service) behind(c connection.Connection) bool {
	st, _ := s.deps.Streams.Stream(c)
	return st.Lag > 0 || st.Waiting > 0
}

// describe returns what is known of an open connection of this node.
func (s *Service) describe(c connection.Connection) diagnosis.Connection {
	d := diagnosis.Connection{RequestID: c.RequestID, Subject: c.Subject(), Node: s.deps.Node, Gateway: s.deps.Streams.Gateway()}
	d.Stream, _ = s.deps.Streams.Stream(c)
	if e, known := s.deps.Book.entry(c.Token); known {
		d.Since, d.Stream.Resumed = e.since, d.Stream.Resumed || e.resumed
	}
	return d
}

// place is where a connection is in the order of a list.
type place struct {
	RequestID connection.RequestID `json:"request_id"`
	Node      string               `json:"node"`
}

func placeOf(c diagnosis.Connection) place { return place{c.RequestID, c.Node} }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.RequestID, other.RequestID), cmp.Compare(p.Node, other.Node))
}

// String is the cursor that goes on after p.
func (p place) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(p.RequestID) + "/" + p.Node))
}

// parsePlace reads a cursor; "" is before all. Errors: diagnosis.ErrInvalidCursor.
func parsePlace(cursor string) (place, error) {
	if cursor == "" {
		return place{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	id, node, found := strings.Cut(string(text), "/") // no request_id has one
	if err != nil || !found {
		return place{}, diagnosis.ErrInvalidCursor
	}
	return place{connection.RequestID(id), node}, nil
}
