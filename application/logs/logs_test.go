package logs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/mempublisher"
	"heliograph/application/logs"
	"heliograph/domain/access"
	"heliograph/domain/event"
	"heliograph/test/mocks"
)

// fixture is a log in memory, and its reader.
type fixture struct {
	*logs.Reader
	t   *testing.T
	log *mempublisher.Publisher
}

// nowhere is a Receiver that nobody listens to.
type nowhere struct{}

func (nowhere) Receive(context.Context, event.Record) {}

func fresh(t *testing.T) *fixture {
	t.Helper()
	p := mempublisher.New(mempublisher.Config{Start: event.ID{Epoch: "e"}, HistoryBytes: 64 << 20}, nowhere{})
	return &fixture{Reader: logs.New(mempublisher.NewLog(p)), t: t, log: p}
}

func (f *fixture) publish(name string, size int, audience *access.Audience) {
	f.t.Helper()
	ev := event.Event{Service: event.ServiceTask, Name: name, Data: bytes.Repeat([]byte("1"), size), Audience: audience}
	if _, err := f.log.Publish(f.t.Context(), ev); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) read(q event.LogQuery) event.LogPage {
	f.t.Helper()
	page, err := f.Read(f.t.Context(), q)
	if err != nil {
		f.t.Fatal(err)
	}
	return page
}

// seqs is what a page has, as text: the sequences, and then that of the next page's place.
func seqs(page event.LogPage) string {
	var text strings.Builder
	for _, e := range page.Entries {
		fmt.Fprintf(&text, "%d ", e.ID.Seq)
	}
	if !page.Next.IsZero() {
		fmt.Fprintf(&text, "> %d", page.Next.Seq)
	}
	return strings.TrimSpace(text.String())
}

func at(seq uint64) event.ID { return event.ID{Epoch: "e", Seq: seq} }

func TestOnlyEventsOfATaskAreReadIfAskedFor(t *testing.T) { // W3
	f := fresh(t)
	for _, data := range []string{
		`{"task_id":"one","seq":1}`, `{"task_id":"two","seq":1}`, `{"task_id":"two","data":{"task_id":"one"}}`, `"one"`, `[1]`, `{"seq":2,"task_id":"one"}`,
	} {
		if _, err := f.log.Publish(t.Context(), event.Event{Service: event.ServiceTask, Name: "task_event", Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := seqs(f.read(event.LogQuery{Task: "one", Limit: 10})); got != "1 6" {
		t.Errorf("of one task: %s, want 1 6", got)
	}
	if got := seqs(f.read(event.LogQuery{Task: "one", Name: "other", Limit: 10})); got != "" {
		t.Errorf("of another name: %s, want none", got)
	}
	if got := seqs(f.read(event.LogQuery{Task: "one", Limit: 1})); got != "1 > 1" && got != "1 > 5" {
		t.Errorf("the first page: %s", got)
	}
}

func TestPagesAreReadOneAfterTheOther(t *testing.T) { // W5, W8
	f := fresh(t)
	for i := range 7 {
		f.publish([]string{"a", "b"}[i%2], 1, nil)
	}
	for _, c := range []struct {
		q    event.LogQuery
		want string
	}{
		{event.LogQuery{Limit: 3}, "1 2 3 > 3"},
		{event.LogQuery{Limit: 3, After: at(3)}, "4 5 6 > 6"},
		{event.LogQuery{Limit: 3, After: at(4)}, "5 6 7"},
		{event.LogQuery{Limit: 3, After: at(7)}, ""},
		{event.LogQuery{Limit: 7}, "1 2 3 4 5 6 7"},
		{event.LogQuery{Limit: 6}, "1 2 3 4 5 6 > 6"},
		{event.LogQuery{Limit: 3, Newest: 2}, "6 7"},
		{event.LogQuery{Limit: 3, Newest: 5}, "3 4 5 > 5"},
		{event.LogQuery{Limit: 9, Newest: 7}, "1 2 3 4 5 6 7"},
		{event.LogQuery{Limit: 9, Newest: 100}, "1 2 3 4 5 6 7"},
		{event.LogQuery{Limit: 2, Name: "b"}, "2 4 > 5"},
		{event.LogQuery{Limit: 3, Name: "b"}, "2 4 6"},
		{event.LogQuery{Limit: 9, Name: "a", After: at(2)}, "3 5 7"},
		{event.LogQuery{Limit: 9, Name: "c"}, ""},
	} {
		if got := seqs(f.read(c.q)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.q, got, c.want)
		}
	}
	if page := fresh(t).read(event.LogQuery{Limit: 1, Newest: 1}); seqs(page) != "" || page.Extent.Last != at(0) {
		t.Errorf("an empty log: %+v", page)
	}
}

func TestAPageHasNoMoreThanItsBytes(t *testing.T) { // W8
	f := fresh(t)
	for range 9 {
		f.publish("a", 64<<10, nil)
	}
	if got := seqs(f.read(event.LogQuery{Limit: 1000})); got != "1 2 3 4 > 4" {
		t.Errorf("of 64 KiB each: %s", got)
	}
	if got := seqs(f.read(event.LogQuery{Limit: 1000, After: at(4), Name: "a"})); got != "5 6 7 8 > 8" {
		t.Errorf("of 64 KiB each, by name: %s", got)
	}
}

func TestAPayloadThatIsTooLargeIsLeftOut(t *testing.T) { // W8
	f := fresh(t)
	for _, size := range []int{64 << 10, 64<<10 + 1, 1 << 20, 300 << 10, 1} {
		f.publish("a", size, nil)
	}
	page := f.read(event.LogQuery{Limit: 1000})
	if got := seqs(page); got != "1 2 3 4 5" {
		t.Fatal(got)
	}
	for i, shown := range []bool{true, false, false, false, true} {
		if e := page.Entries[i]; (e.Data != nil) != shown || e.Bytes == 0 {
			t.Errorf("%d: %d of %d bytes are shown", i+1, len(e.Data), e.Bytes)
		}
	}
}

func TestAudiencesCountInAPage(t *testing.T) { // W5, W8
	f := fresh(t)
	large := &access.Audience{}
	for i := range access.MaxAudienceNames {
		large.Subjects = append(large.Subjects, fmt.Sprintf("%0*d", access.MaxNameLength, i))
	}
	for range 30 {
		f.publish("a", 1, large)
	}
	page := f.read(event.LogQuery{Limit: 1000})
	if n := len(page.Entries); n != 10 || page.Next != at(10) || page.Entries[0].Audience != large {
		t.Errorf("%d events of 25 KB of names each", n)
	}
}

func TestOneCallLooksThroughSomeEventsOnly(t *testing.T) { // W8
	f := fresh(t)
	for range 25_000 {
		f.publish("a", 1, nil)
	}
	f.publish("b", 1, nil)
	at, found := event.ID{}, ""
	for calls := 1; ; calls++ {
		page := f.read(event.LogQuery{Limit: 1, Name: "b", After: at})
		found += seqs(event.LogPage{Entries: page.Entries})
		if at = page.Next; at.IsZero() {
			if calls != 3 || found != "25001" {
				t.Errorf("after %d calls: %s", calls, found)
			}
			return
		}
	}
}

func TestWhatTheLogSaysIsPassedOn(t *testing.T) { // W5
	log := mocks.NewMockEventLog(gomock.NewController(t))
	broken := errors.New("broken")
	log.EXPECT().Extent(gomock.Any()).Return(event.LogExtent{}, broken)
	if _, err := logs.New(log).Read(t.Context(), event.LogQuery{Limit: 1}); !errors.Is(err, broken) {
		t.Errorf("the extent fails: %v", err)
	}
	log.EXPECT().Extent(gomock.Any()).Return(event.LogExtent{First: at(3), Last: at(9)}, nil).Times(3)
	log.EXPECT().Read(gomock.Any(), at(5), gomock.Any(), gomock.Any()).Return(nil, false, event.ErrInvalidID)
	if _, err := logs.New(log).Read(t.Context(), event.LogQuery{Limit: 1, After: at(5)}); !errors.Is(err, event.ErrInvalidID) {
		t.Errorf("the read fails: %v", err)
	}
	log.EXPECT().Read(gomock.Any(), at(1), gomock.Any(), gomock.Any()).Return([]event.LogEntry{{ID: at(3)}, {ID: at(9)}, {ID: at(10)}}, true, nil)
	page, err := logs.New(log).Read(t.Context(), event.LogQuery{Limit: 5, After: at(1)})
	if err != nil || !page.Gap || seqs(page) != "3 9" { // what came since is for the next call, after Last
		t.Errorf("%+v, %v", page, err)
	}
	log.EXPECT().Read(gomock.Any(), at(8), gomock.Any(), gomock.Any()).Return(nil, false, nil)
	if page, err := logs.New(log).Read(t.Context(), event.LogQuery{Limit: 5, After: at(8)}); err != nil || seqs(page) != "" {
		t.Errorf("what was the newest is gone: %+v, %v", page, err)
	}
}
