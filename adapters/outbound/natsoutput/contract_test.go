package natsoutput_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsoutput"
	"heliograph/domain/output"
	"heliograph/domain/task"
	"heliograph/test/contract/outputcontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// total has room for what NATS keeps beside the text.
const total = 12 * 2 * output.MinTail

func open(t *testing.T, broker *natsbroker.Broker) *natsoutput.Store {
	t.Helper()
	s, err := natsoutput.Open(t.Context(), broker, natsoutput.Config{Tail: output.MinTail, Total: total}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreContract(t *testing.T) {
	outputcontract.Run(t, func(t *testing.T) outputcontract.Subject {
		broker := brokertest.InProcess(t)
		return outputcontract.Subject{Store: open(t, broker), Other: open(t, broker), Tail: output.MinTail, Total: total}
	})
}

// What is on the disk is what is kept: blocks are removed as they leave the tail.
func TestALongOutputTakesLittleRoom(t *testing.T) { // T21
	broker := brokertest.InProcess(t)
	s := open(t, broker)
	text := bytes.Repeat([]byte("a line of forty bytes, in a long output\n"), output.MaxAppend/40)
	most := uint64(0)
	for offset := int64(0); offset < 16<<20; offset += int64(len(text)) {
		if _, err := s.Append(t.Context(), "a", offset, text); err != nil {
			t.Fatal(err)
		}
		if offset%(1<<20) < int64(len(text)) {
			most = max(most, size(t, broker))
		}
	}
	if most = max(most, size(t, broker)); most > output.HeadBytes+output.MinTail+4*output.MaxAppend {
		t.Errorf("it took %d bytes", most)
	}
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if left := size(t, broker); left != 0 {
		t.Errorf("%d bytes are left", left)
	}
}

// A worker that prints letter by letter takes no more: messages become one.
func TestLettersTakeLittleRoom(t *testing.T) { // T21
	broker := brokertest.InProcess(t)
	s := open(t, broker)
	for offset := range int64(2000) {
		if _, err := s.Append(t.Context(), "a", offset, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if took := size(t, broker); took > 100<<10 { // 2000 messages would take 300 KB
		t.Errorf("it took %d bytes", took)
	}
}

// size is what the stream takes.
func size(t *testing.T, broker *natsbroker.Broker) uint64 {
	t.Helper()
	stream, err := broker.JetStream().Stream(t.Context(), "heliograph_output")
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Bytes
}

func TestAnOutputSurvivesARestart(t *testing.T) { // T21
	dir := t.TempDir()
	before := brokertest.Open(t, natsbroker.Config{Dir: dir})
	if _, err := open(t, before).Append(t.Context(), "a", 0, []byte("one ")); err != nil {
		t.Fatal(err)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, brokertest.Open(t, natsbroker.Config{Dir: dir}))
	if length, err := s.Append(t.Context(), "a", 4, []byte("two")); err != nil || length != 7 {
		t.Errorf("Append: %d, %v", length, err)
	}
	if c, err := s.Read(t.Context(), "a", 0, 100); err != nil || string(c.Text) != "one " {
		t.Errorf("it is %q, %v", c.Text, err)
	}
}

func TestABrokerThatIsAwayIsErrUnavailable(t *testing.T) { // T21
	broker := brokertest.InProcess(t)
	s := open(t, broker)
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	_, length := s.Length(t.Context(), "a")
	_, appended := s.Append(t.Context(), "a", 0, []byte("x"))
	_, read := s.Read(t.Context(), "a", 0, 1)
	_, ids := s.IDs(t.Context())
	for what, err := range map[string]error{"Length": length, "Append": appended, "Read": read, "IDs": ids, "Delete": s.Delete(t.Context(), "a")} {
		if !errors.Is(err, output.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.Watch("a", func() {})()
}

// An output of one short message takes what the mark of its removal would. There is room
// all the same if another has more.
func TestRoomIsMadeWhereItCanBe(t *testing.T) { // T21
	broker := brokertest.InProcess(t)
	const total = 16 << 10
	s, err := natsoutput.Open(t.Context(), broker, natsoutput.Config{Tail: output.MinTail, Total: total}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	appends := func(id task.ID, offset int64, length uint64) {
		t.Helper()
		if _, err := s.Append(t.Context(), id, offset, bytes.Repeat([]byte("x"), int(length))); err != nil {
			t.Fatalf("Append to %s: %v", id, err)
		}
	}
	for i := range 20 {
		appends(task.ID(fmt.Sprintf("short-%02d", i)), 0, 1)
	}
	each := size(t, broker) / 20
	appends("long-0000", 0, 8<<10)
	appends("long-0000", 8<<10, total-size(t, broker)-each-8) // with 8 more bytes of the offset, so little is left

	appends("new-00000", 0, 100)

	if left := total - size(t, broker); left < each {
		t.Errorf("%d bytes are left", left)
	}
	if c, err := s.Read(t.Context(), "long-0000", 0, 100); err != nil || c.Length == 0 || len(c.Text) > 0 {
		t.Errorf("of the long output there is %q, to %d, %v", c.Text, c.Length, err)
	}
	if c, err := s.Read(t.Context(), "short-00", 0, 100); err != nil || string(c.Text) != "x" {
		t.Errorf("the first short one is %q, %v", c.Text, err)
	}
}
