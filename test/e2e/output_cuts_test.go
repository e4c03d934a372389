package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"heliograph/test/sseclient"
)

// printer is a worker that prints, and knows what it has printed.
type printer struct {
	leased

	s       *service
	random  *rand.Rand
	printed strings.Builder
}

// prints appends so many lines, of characters of all lengths.
func (p *printer) prints(t *testing.T, lines int) {
	t.Helper()
	var text strings.Builder
	for range lines {
		_, _ = fmt.Fprintf(&text, "line at %d %s\n", p.printed.Len()+text.Len(), strings.Repeat("ü€😀x", p.random.IntN(100)))
	}
	p.s.post(t, fmt.Sprintf("/api/tasks/%s/output?lease=%s&offset=%d", p.TaskID, p.Lease, p.printed.Len()), text.String(), http.StatusOK)
	p.printed.WriteString(text.String())
}

// post is must without the API's description, for calls that are many. It returns the status,
// which is one of those.
func (s *service) post(t *testing.T, target, body string, statuses ...int) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	got, err := send(s.client, req)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range statuses {
		if got.status == status {
			return status
		}
	}
	t.Fatalf("POST %s: %d %s", target, got.status, got.body)
	return 0
}

// reader is a page that follows a task.
type reader struct {
	at     int // the offset that it has
	gaps   int
	closed bool
}

// takes holds what a stream has said since the first so many items against what was printed.
func (r *reader) takes(t *testing.T, st *sseclient.Stream, seen int, all string) (now int) {
	t.Helper()
	items := st.Items()
	for _, item := range items[seen:] {
		if item.Event.Name != "task_output" {
			continue
		}
		var e struct {
			Offset, Gap int
			Text        string
			Closed      bool
		}
		if err := json.Unmarshal([]byte(item.Event.Data), &e); err != nil {
			t.Fatal(err)
		}
		end := e.Offset + e.Gap + len(e.Text)
		switch {
		case e.Offset > r.at:
			t.Fatalf("bytes %d to %d are missing, and no gap is named", r.at, e.Offset)
		case end > len(all) || e.Text != "" && all[e.Offset:end] != e.Text:
			t.Fatalf("at %d there is %.40q, and that was not printed", e.Offset, e.Text)
		case e.Gap > 0:
			r.gaps++
		}
		r.at, r.closed = max(r.at, end), r.closed || e.Closed
	}
	return len(items)
}

// The stream of one who follows what a task prints breaks at any byte, a thousand times, while
// the task prints on, now and then more than is kept.
func TestAFollowersBytesAreTheWorkersThroughBrokenConnections(t *testing.T) { // T21, T22
	t.Parallel()
	const seed, cuts = 22, 1000
	s := start(t, workersFile(t, "60s"), "TASK_OUTPUT_BYTES=65536", "SSE_MAX_EVENT_BYTES=8192")
	var connected atomic.Int64
	random := rand.New(rand.NewPCG(seed, seed)) // of the proxy's goroutine
	proxy := newCutter(t, s.addr, func() (int64, bool) {
		if connected.Add(1) > cuts {
			return 1 << 40, false
		}
		return random.Int64N(16_000), random.IntN(2) == 0
	})
	s.streamAddr = strings.TrimPrefix(proxy.url(), "http://")
	w := &printer{leased: s.startLeased(t, `{"type":"count","params":{"steps":1},"claim":true}`), s: s, random: rand.New(rand.NewPCG(seed, 1))}
	client, r := s.newClient("page"), &reader{}
	follow := func(statuses ...int) int {
		return s.post(t, "/api/connections/page/follow", fmt.Sprintf(`{"task_id":%q,"offset":%d}`, w.TaskID, r.at), statuses...)
	}
	useful := 0 // streams that brought something
	for connected.Load() < cuts {
		if w.random.IntN(100) == 0 {
			for range 5 {
				w.prints(t, 90) // while nobody listens
			}
		}
		st, err := client.Connect(t.Context())
		if err != nil {
			continue // it broke before its headers were there
		}
		follow(http.StatusOK, http.StatusNotFound) // the service may know that it is gone
		before := r.at
		for seen, ended := 0, false; !ended; {
			select {
			case <-st.Done():
				ended = true
			default:
				w.prints(t, 2)
			}
			seen = r.takes(t, st, seen, w.printed.String())
		}
		if r.at > before {
			useful++
		}
	}
	if got := s.say(t, claimed{TaskID: w.TaskID, Lease: w.Lease}, "complete", ""); got.status != http.StatusOK {
		t.Fatalf("complete: %d %s", got.status, got.body)
	}
	last, err := client.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	follow(http.StatusOK)
	seen := 0
	eventually(t, "the output is complete", func() bool {
		seen = r.takes(t, last, seen, w.printed.String())
		return r.closed
	})
	if r.at != w.printed.Len() || r.gaps == 0 || useful < cuts/4 {
		t.Errorf("of %d bytes it has come to %d, with %d gaps and %d streams that brought something", w.printed.Len(), r.at, r.gaps, useful)
	}
	t.Logf("%d bytes, %d gaps, %d streams of %d brought something", w.printed.Len(), r.gaps, useful, cuts)
}
