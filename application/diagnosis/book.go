// Package diagnosis implements diagnosis.Service: which streams there are on all nodes,
// and what is wrong with one of them (rule W6).
package diagnosis

import (
	"slices"
	"strings"
	"sync"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
)

const (
	// maxPasts is how many request_ids are remembered whose streams have ended or were refused, and maxLives
	// how many streams of each: a megabyte in all.
	maxPasts = 1024
	maxLives = 8
	// maxReports is how many open streams keep what their clients say: sixteen megabytes at most.
	maxReports = 20_000
	// reportPause is between two reports of a client.
	reportPause = 2 * time.Second
	// maxText bounds each text of a report, in bytes.
	maxText = 100
)

// Book remembers of the connections of this node what neither the registry nor the
// gateway does. It is safe for concurrent use.
type Book struct {
	mu      sync.Mutex
	open    map[connection.Token]*entry    // guarded by mu
	pasts   map[connection.RequestID]*past // guarded by mu
	order   []connection.RequestID         // of pasts, those that came first first; guarded by mu
	reports int                            // that are kept; guarded by mu
}

// entry is of one open connection.
type entry struct {
	since   time.Time
	resumed bool // its client brought an ID, which the gateway has passed on
	report  *diagnosis.Report
}

// past is what was of a request_id.
type past struct {
	Lives    []life              `json:"lives,omitempty"` // oldest first
	Refusals []diagnosis.Refusal `json:"refusals,omitempty"`
}

// life is a connection that has ended.
type life struct {
	Connection connection.Connection `json:"-"`
	Subject    string                `json:"subject,omitempty"`
	Node       string                `json:"node,omitempty"` // that had it
	Since      time.Time             `json:"since"`          // zero: unknown
	Resumed    bool                  `json:"resumed,omitempty"`
	End        diagnosis.End         `json:"end"`
	Expires    time.Time             `json:"expires,omitzero"` // of its credential
	Report     *diagnosis.Report     `json:"report,omitempty"`
	Why        string                `json:"why,omitempty"` // it ended, as its fates say
}

// NewBook returns an empty Book.
func NewBook() *Book {
	return &Book{open: map[connection.Token]*entry{}, pasts: map[connection.RequestID]*past{}}
}

// Opened implements connections.Book.
func (b *Book) Opened(c connection.Connection, resumed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[c.Token] == nil {
		b.open[c.Token] = &entry{since: time.Now().UTC(), resumed: resumed}
	}
}

// Ended implements connections.Book.
func (b *Book) Ended(c connection.Connection, reason connection.Reason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.open[c.Token]
	if e == nil {
		if reason != connection.ReasonNodeLost {
			return // another node's, which remembers it
		}
		e = &entry{}
	}
	delete(b.open, c.Token)
	if e.report != nil {
		b.reports--
	}
	p := b.past(c.RequestID)
	p.Lives = append(p.Lives, life{
		Connection: c, Subject: c.Subject(), Node: c.Node, Since: e.since, Resumed: e.resumed, Report: e.report,
		End: diagnosis.End{At: time.Now().UTC(), Reason: reason}, Expires: expires(c),
	})
	p.Lives = p.Lives[max(0, len(p.Lives)-maxLives):]
}

func expires(c connection.Connection) time.Time {
	if c.Principal == nil {
		return time.Time{}
	}
	return c.Principal.Expires
}

// Refused records that a stream was not opened, with the code of the error.
func (b *Book) Refused(id connection.RequestID, code string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.past(id)
	p.Refusals = append(p.Refusals, diagnosis.Refusal{At: time.Now().UTC(), Code: code})
	p.Refusals = p.Refusals[max(0, len(p.Refusals)-maxLives):]
}

// past returns what was of a request_id, which is the newest then. With mu held.
func (b *Book) past(id connection.RequestID) *past {
	p := b.pasts[id]
	if p == nil {
		if len(b.order) == maxPasts {
			delete(b.pasts, b.order[0])
			b.order = slices.Delete(b.order, 0, 1)
		}
		p = &past{}
		b.pasts[id] = p
		b.order = append(b.order, id)
	}
	return p
}

// unshared is how many open streams of a subject are of one tab each, over HTTP/1.1.
func (b *Book) unshared(of func(connection.Token) bool) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for token, e := range b.open {
		if e.report != nil && e.report.Sharing == "tab" && strings.HasPrefix(e.report.Protocol, "http/1") && of(token) {
			n++
		}
	}
	return n
}

// entry is what is remembered of an open connection.
func (b *Book) entry(token connection.Token) (e entry, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if there := b.open[token]; there != nil {
		return *there, true
	}
	return entry{}, false
}

// pastOf returns what was of a request_id.
func (b *Book) pastOf(id connection.RequestID) past {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pasts[id]; p != nil {
		return past{Lives: slices.Clone(p.Lives), Refusals: slices.Clone(p.Refusals)}
	}
	return past{}
}

// report keeps a report. It returns how long its client must wait with the next one if it came too soon, and
// whether the connection is known.
func (b *Book) report(token connection.Token, r diagnosis.Report) (wait time.Duration, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.open[token]
	if e == nil {
		return 0, false
	}
	r.At = time.Now().UTC()
	switch {
	case e.report != nil:
		if wait := e.report.At.Add(reportPause).Sub(r.At); wait > 0 {
			return wait, true
		}
	case b.reports == maxReports:
		return reportPause, true
	default:
		b.reports++
	}
	if r.Now != 0 {
		r.Skew = r.Now - r.At.UnixMilli()
	}
	for _, text := range []*string{&r.State, &r.Transport, &r.Sharing, &r.Protocol, &r.Encoding, &r.LastError, &r.LastID} {
		*text = string([]byte(*text)[:min(len(*text), maxText)]) // what is longer is not kept
	}
	e.report = &r
	return 0, true
}
