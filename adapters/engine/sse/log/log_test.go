package log_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/event"
)

// newLog returns a log with events of a known text, from the one after start on.
func newLog(start uint64, limit, events int) *log.Log {
	l := log.New(event.ID{Epoch: "e1", Seq: start}, limit)
	for i := range events {
		add(l, start+uint64(i)+1)
	}
	return l
}

func add(l *log.Log, seq uint64) {
	text := frame(seq)
	l.AppendEvent(seq, 0, len(text), time.Now(), func(b []byte) []byte { return append(b, text...) })
}

func frame(seq uint64) string { return fmt.Sprintf("event %d\n\n", seq) }

func TestPositionsCountTheEventsOfEachService(t *testing.T) { // M1
	t.Parallel()
	l := log.New(event.ID{Epoch: "e1"}, 64<<10)
	services := len(event.Services)
	want := make([]int, services)
	for seq := range uint64(100) {
		service := int(seq*seq) % services
		text := frame(seq + 1)
		l.AppendEvent(seq+1, service, len(text), time.Now(), func(b []byte) []byte { return append(b, text...) })
		if seq >= 30 {
			want[service]++
		}
	}
	middle, err := l.After(30)
	if err != nil {
		t.Fatal(err)
	}
	for service := range services {
		if got := l.Head().EventsSince(middle, service); got != want[service] {
			t.Errorf("of %s there are %d, want %d", event.Services[service], got, want[service])
		}
	}
}

func TestEveryPositionThatIsHeldCanBeReadFrom(t *testing.T) { // G2
	t.Parallel()
	const start, events = 41, 1000
	l := newLog(start, 8<<10, events)
	if l.Held() > 8<<10 {
		t.Errorf("it takes %d bytes", l.Held())
	}
	expired := 0
	for seq := uint64(start); seq <= start+events; seq++ {
		at, err := l.After(seq)
		if errors.Is(err, log.ErrBehind) {
			expired++
			continue
		}
		if at.Seq != seq || at.Events() != seq-start {
			t.Errorf("after %d: %+v", seq, at)
		}
		for next := seq + 1; next <= start+events; {
			chunks, to, err := l.Read(at.Off)
			if err != nil {
				t.Fatalf("read after %d: %v", seq, err)
			}
			for ; len(chunks) > 0; next++ {
				var got []byte
				if got, chunks = wire.CutChunk(chunks); string(got) != frame(next) {
					t.Fatalf("after %d: got %q, want %q", seq, got, frame(next))
				}
			}
			at = to
		}
	}
	if expired == 0 || expired > events*3/4 {
		t.Errorf("%d of %d places have expired", expired, events)
	}
	if _, _, err := l.Read(0); !errors.Is(err, log.ErrBehind) {
		t.Errorf("read from the beginning: %v", err)
	}
}

func TestAFrameIsFoundByTheIDOfItsBackend(t *testing.T) {
	t.Parallel()
	l := newLog(0, 8<<10, 3)
	l.AppendFrame("x", []byte("a frame\n\n"))
	l.AppendControl([]byte(": heartbeat\n\n"))
	got, after, ok := l.Find("x")
	if !ok || string(got) != "a frame\n\n" || after.Seq != 3 || after.Off >= l.Head().Off {
		t.Errorf("got %q after %+v, %t", got, after, ok)
	}
	for _, unknown := range []string{"", "y"} {
		if _, _, ok := l.Find(unknown); ok {
			t.Errorf("%q was found", unknown)
		}
	}
}

func TestReadersNeedNoLock(t *testing.T) { // run with -race
	t.Parallel()
	l := newLog(0, 4<<10, 0)
	var reading sync.WaitGroup
	for range 4 {
		reading.Go(func() {
			for at := l.Tail(); at.Seq < 2000; {
				chunks, to, err := l.Read(at.Off)
				if err != nil {
					at = l.Tail() // it was too slow
					continue
				}
				for len(chunks) > 0 {
					_, chunks = wire.CutChunk(chunks)
				}
				at = to
			}
		})
	}
	for seq := range uint64(2000) {
		add(l, seq+1)
	}
	reading.Wait()
}

func TestSequencesMayBeFarApart(t *testing.T) { // G2, A13
	t.Parallel()
	l := newLog(0, 1<<20, 1)
	const far = uint64(1) << 34 // so many events may have been for some streams only
	for i := range uint64(5) {
		add(l, 10+i*far)
	}
	for i := range uint64(5) {
		for _, seq := range []uint64{10 + i*far, 11 + i*far, 9 + (i+1)*far} {
			at, err := l.After(seq)
			if err != nil || at.Seq != 10+i*far || at.Events() != i+2 {
				t.Errorf("after %d: %+v, %v", seq, at, err)
			}
		}
	}
}

func TestSequencesThatAreNotInTheLogAreNotGone(t *testing.T) { // A13
	t.Parallel()
	l := newLog(0, 2<<10, 0)
	for l.Tail().Seq == 0 {
		add(l, l.Head().Seq+10)
	}
	tail := l.Tail()
	if at, err := l.After(tail.Seq + 3); err != nil || at != tail {
		t.Errorf("between two events, the first of which was dropped: %+v, %v", at, err)
	}
	if _, err := l.After(tail.Seq - 3); !errors.Is(err, log.ErrBehind) {
		t.Errorf("before an event that was dropped: %v", err)
	}
}

func TestLimitMayChange(t *testing.T) { // G4
	t.Parallel()
	l := newLog(0, 64<<10, 5000)
	before := l.Held()
	l.SetLimit(16 << 10)
	if l.Held() > 16<<10 || l.Held() < 15<<10 || before < 63<<10 {
		t.Errorf("%d bytes are held, %d before", l.Held(), before)
	}
	head := l.Head()
	l.SetLimit(0)
	if _, _, err := l.Read(head.Off); err != nil || l.Head() != head {
		t.Errorf("the log's end is gone: %v", err)
	}
	l.SetLimit(64 << 10)
	for seq := range uint64(5000) {
		add(l, 5001+seq)
	}
	if l.Held() < 63<<10 {
		t.Errorf("%d bytes are held after the limit rose", l.Held())
	}
}
