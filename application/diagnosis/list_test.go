package diagnosis_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/memcontrol"
	"heliograph/adapters/outbound/memnodes"
	"heliograph/adapters/outbound/memquestions"
	"heliograph/adapters/outbound/memregistry"
	lookup "heliograph/application/diagnosis"
	"heliograph/domain/access"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/test/mocks"
)

// node is one node with its connections.
type node struct {
	*lookup.Service

	registry  *memregistry.Registry
	streams   *mocks.MockDiagnosisStreams
	questions cluster.Questions
	book      *lookup.Book
}

func newNode(t testing.TB, name string) *node {
	t.Helper()
	n := &node{
		registry: memregistry.New(), streams: mocks.NewMockDiagnosisStreams(gomock.NewController(t)),
		questions: memquestions.New(name, slog.New(slog.DiscardHandler)), book: lookup.NewBook(),
	}
	n.streams.EXPECT().Gateway().Return(diagnosis.Embedded).AnyTimes()
	n.Service = lookup.New(lookup.Deps{
		Node: name, Roster: n.registry, Registry: n.registry, Control: memcontrol.New(), Nodes: memnodes.New(cluster.NewLife(name, "1234567890")),
		Streams: n.streams, Questions: n.questions, Book: n.book,
	})
	return n
}

// open opens a connection of a subject; "" is nobody.
func (n *node) open(t testing.TB, id, subject string) connection.Connection {
	t.Helper()
	c := connection.Connection{RequestID: connection.RequestID(id), Token: connection.Token("token of " + id)}
	if subject != "" {
		c.Principal = &access.Principal{Subject: subject}
	}
	if _, err := n.registry.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	n.book.Opened(c, false)
	return c
}

// list returns the request_ids of all pages.
func list(t *testing.T, s diagnosis.Service, q diagnosis.Query, total int) (ids []string) {
	t.Helper()
	for {
		page, err := s.List(t.Context(), q)
		if err != nil || page.Total != total || len(page.Connections) > q.Limit {
			t.Fatalf("%d of %d, %v; want at most %d of %d", len(page.Connections), page.Total, err, q.Limit, total)
		}
		for _, c := range page.Connections {
			ids = append(ids, string(c.RequestID)+"@"+c.Node)
		}
		if q.After = page.Next; page.Next == "" {
			return ids
		}
	}
}

func TestPagesHaveEachStreamOnce(t *testing.T) { // W6, W8
	t.Parallel()
	n := newNode(t, "a/1")
	n.streams.EXPECT().Stream(gomock.Any()).DoAndReturn(func(c connection.Connection) (diagnosis.Stream, bool) {
		switch c.RequestID {
		case "tab-03":
			return diagnosis.Stream{State: diagnosis.Behind, Lag: 1}, true
		case "tab-20":
			return diagnosis.Stream{State: diagnosis.Behind, Waiting: 1}, true
		}
		return diagnosis.Stream{State: diagnosis.Live}, true
	}).AnyTimes()
	var want, ann []string
	for i := range 25 {
		id := fmt.Sprintf("tab-%02d", i)
		subject := []string{"ann", "ben"}[i%2]
		n.open(t, id, subject)
		want = append(want, id+"@a/1")
		if subject == "ann" {
			ann = append(ann, id+"@a/1")
		}
	}
	for _, limit := range []int{1, 7, 25, 100} {
		if got := list(t, n, diagnosis.Query{Limit: limit}, 25); !slices.Equal(got, want) {
			t.Errorf("pages of %d: %q", limit, got)
		}
	}
	if got := list(t, n, diagnosis.Query{Limit: 3, Subject: "ann"}, 13); !slices.Equal(got, ann) {
		t.Errorf("those of ann: %q", got)
	}
	if got := list(t, n, diagnosis.Query{Limit: 3, Prefix: "tab-1"}, 10); !slices.Equal(got, want[10:20]) {
		t.Errorf("those with the prefix: %q", got)
	}
	for _, limit := range []int{1, 3} {
		if got := list(t, n, diagnosis.Query{Limit: limit, Behind: true}, 2); !slices.Equal(got, []string{"tab-03@a/1", "tab-20@a/1"}) {
			t.Errorf("those that are behind, in pages of %d: %q", limit, got)
		}
	}
	for _, cursor := range []string{"!", "YWJj"} {
		if _, err := n.List(t.Context(), diagnosis.Query{Limit: 1, After: cursor}); !errors.Is(err, diagnosis.ErrInvalidCursor) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

func TestOneCursorGoesThroughAllNodes(t *testing.T) { // W8
	t.Parallel()
	one, two := newNode(t, "one"), newNode(t, "two")
	questions := mocks.NewMockQuestions(gomock.NewController(t))
	questions.EXPECT().Answer(gomock.Any(), gomock.Any()).AnyTimes()
	questions.EXPECT().Ask(gomock.Any(), gomock.Any(), gomock.Any()).DoAndReturn(
		func(ctx context.Context, topic string, question json.RawMessage, _ ...string) (map[string]json.RawMessage, []string, error) {
			answers := map[string]json.RawMessage{}
			for _, n := range []*node{one, two} {
				there, _, err := n.questions.Ask(ctx, topic, question)
				if err != nil {
					return nil, nil, err
				}
				maps.Copy(answers, there)
			}
			return answers, []string{"three"}, nil
		}).AnyTimes()
	asking := lookup.New(lookup.Deps{Node: "one", Roster: one.registry, Streams: one.streams, Questions: questions, Book: one.book})
	var want []string
	for i := range 9 {
		n := []*node{one, two}[i%2]
		n.streams.EXPECT().Stream(gomock.Any()).Return(diagnosis.Stream{}, true).AnyTimes()
		n.open(t, fmt.Sprint("r", i), "")
		want = append(want, fmt.Sprintf("r%d@%s", i, []string{"one", "two"}[i%2]))
	}
	two.open(t, "r4", "") // it was replaced there, and one does not know yet
	want = slices.Insert(want, 5, "r4@two")
	for _, limit := range []int{1, 2, 5, 10} {
		if got := list(t, asking, diagnosis.Query{Limit: limit}, 10); !slices.Equal(got, want) {
			t.Errorf("pages of %d: %q", limit, got)
		}
	}
	if page, err := asking.List(t.Context(), diagnosis.Query{Limit: 1}); err != nil || !slices.Equal(page.Missing, []string{"three"}) {
		t.Errorf("missing are %q, %v", page.Missing, err)
	}
}

func TestWhatIsKnownOfAStreamIsTold(t *testing.T) { // W6
	t.Parallel()
	n := newNode(t, "one")
	c := n.open(t, "r1", "ann")
	n.streams.EXPECT().Stream(c).Return(diagnosis.Stream{State: diagnosis.Behind, Lag: 7, Waiting: 99}, true)
	page, err := n.List(t.Context(), diagnosis.Query{Limit: 1})
	if err != nil || len(page.Connections) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	got := page.Connections[0]
	if got.Since.IsZero() {
		t.Error("it does not say since when")
	}
	want := diagnosis.Connection{
		RequestID: "r1", Subject: "ann", Node: "one", Gateway: diagnosis.Embedded,
		Stream: diagnosis.Stream{State: diagnosis.Behind, Lag: 7, Waiting: 99},
	}
	if got.Since = want.Since; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// BenchmarkList is a page of ten thousand streams.
func BenchmarkList(b *testing.B) { // W2
	n := newNode(b, "one")
	n.streams.EXPECT().Stream(gomock.Any()).Return(diagnosis.Stream{State: diagnosis.Live}, true).AnyTimes()
	for i := range 10_000 {
		n.open(b, fmt.Sprintf("tab-%05d", i), "ann")
	}
	b.ReportAllocs()
	for b.Loop() {
		if page, err := n.List(b.Context(), diagnosis.Query{Limit: 100}); err != nil || page.Total != 10_000 {
			b.Fatal(page.Total, err)
		}
	}
}
