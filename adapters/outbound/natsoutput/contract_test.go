package natsoutput_test

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natsoutput"
	"heliograph/domain/output"
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
