package sseclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"sync"
)

// Client is one browser's EventSource, except that it reconnects only when it
// is ended. It is safe for concurrent use.
type Client struct {
	url       string
	transport *http.Transport
	header    http.Header // of each request, beside those of an EventSource

	mu     sync.Mutex
	lastID string // guarded by mu
}

// New returns a Client of the stream at url. It connects nowhere yet.
func New(url string) *Client {
	return &Client{url: url, transport: &http.Transport{DisableCompression: true}, header: http.Header{}}
}

// SetHeader has the streams that are opened from now on asked for with a header that
// EventSource has no way to set, or that a browser sets by itself. It must not be called
// beside Connect.
func (c *Client) SetHeader(name, value string) { c.header.Set(name, value) }

// StatusError is an answer that is no stream. A browser's EventSource would
// give up for good.
type StatusError struct {
	Status int
	Header http.Header
	Body   string
}

// Error says what came instead of a stream.
func (e *StatusError) Error() string {
	return fmt.Sprintf("no stream: status %d, type %q, body %.200q", e.Status, e.Header.Get("Content-Type"), e.Body)
}

// LastID is the ID from which the next stream will ask to resume.
func (c *Client) LastID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastID
}

// SetLastID makes the next stream ask to resume from id; "" asks for none.
func (c *Client) SetLastID(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID = id
}

// Connect opens a stream, with the Last-Event-ID of the one before, and records
// it until it ends, is closed, or ctx ends. Errors: *StatusError, and those of
// the connection.
func (c *Client) Connect(ctx context.Context) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	lastID := c.LastID()
	resp, err := c.get(ctx, lastID) //nolint:bodyclose // the goroutine below closes it
	if err != nil {
		cancel()
		return nil, err
	}
	s := &Stream{Header: resp.Header, cancel: cancel, changed: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer c.transport.CloseIdleConnections()
		defer func() { _ = resp.Body.Close() }()
		s.read(NewDecoder(resp.Body, lastID), c.SetLastID)
	}()
	return s, nil
}

func (c *Client) get(ctx context.Context, lastID string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, c.header)
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Cache-Control", "no-store")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode == http.StatusOK && mediaType == "text/event-stream" {
		return resp, nil
	}
	defer c.transport.CloseIdleConnections()
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxLine))
	if err != nil {
		return nil, fmt.Errorf("read an answer of status %d: %w", resp.StatusCode, err)
	}
	return nil, &StatusError{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
}

// Stream is the record of one stream. It is safe for concurrent use.
type Stream struct {
	// Header is the answer's.
	Header http.Header

	cancel context.CancelFunc
	done   chan struct{}

	mu         sync.Mutex
	items      []Item        // guarded by mu
	violations []string      // guarded by mu
	err        error         // guarded by mu
	changed    chan struct{} // guarded by mu; closed and replaced when the record grows
}

// read records until the stream ends.
func (s *Stream) read(d *Decoder, setLastID func(string)) {
	for {
		item, err := d.Next()
		setLastID(d.LastID())
		s.mu.Lock()
		if err == nil {
			s.items = append(s.items, item)
		} else {
			s.err = err
		}
		s.violations = d.Violations()
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Items returns all that came so far, in order.
func (s *Stream) Items() []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.items)
}

// Events returns the events so far, in order.
func (s *Stream) Events() []Event {
	var events []Event
	for _, item := range s.Items() {
		if item.Kind == KindEvent {
			events = append(events, item.Event)
		}
	}
	return events
}

// Violations lists what the stream said so far that no correct server says.
func (s *Stream) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Wait returns the first item, of those that came already and those to come,
// for which match is true. Errors: when the stream ended before, what ended it;
// ctx.Err().
func (s *Stream) Wait(ctx context.Context, match func(Item) bool) (Item, error) {
	for seen := 0; ; {
		s.mu.Lock()
		items, err, changed := s.items, s.err, s.changed
		s.mu.Unlock()
		for ; seen < len(items); seen++ {
			if match(items[seen]) {
				return items[seen], nil
			}
		}
		if err != nil {
			return Item{}, fmt.Errorf("the stream ended: %w", err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Item{}, ctx.Err()
		}
	}
}

// Done is closed when the stream has ended.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Err says how the stream ended: io.EOF cleanly, between two events; nil while
// it has not.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// EndedCleanly reports whether the server ended the stream, between two events.
func (s *Stream) EndedCleanly() bool { return errors.Is(s.Err(), io.EOF) }

// Close ends the stream, if it has not ended, and waits until the record is
// complete.
func (s *Stream) Close() {
	s.cancel()
	<-s.done
}
