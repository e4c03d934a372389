package memoutput_test

import (
	"bytes"
	"log/slog"
	"testing"

	"heliograph/adapters/outbound/memoutput"
	"heliograph/domain/output"
	"heliograph/test/contract/outputcontract"
)

func TestStoreContract(t *testing.T) {
	outputcontract.Run(t, func(*testing.T) outputcontract.Subject {
		const total = 10 * 2 * output.MinTail
		s := memoutput.New(memoutput.Config{Tail: output.MinTail, Total: total}, slog.New(slog.DiscardHandler))
		return outputcontract.Subject{Store: s, Other: s, Tail: output.MinTail, Total: total}
	})
}

func TestALongOutputTakesLittleRoom(t *testing.T) { // T21
	s := memoutput.New(memoutput.Config{}, slog.New(slog.DiscardHandler))
	text := bytes.Repeat([]byte("a line of forty bytes, in a long output\n"), output.MaxAppend/40)
	for offset := int64(0); offset < 64<<20; offset += int64(len(text)) {
		if _, err := s.Append(t.Context(), "a", offset, text); err != nil {
			t.Fatal(err)
		}
		if took := s.Size(); took > output.HeadBytes+output.DefaultTail+2*output.MaxAppend {
			t.Fatalf("of %d bytes it holds %d", offset, took)
		}
	}
	if err := s.Delete(t.Context(), "a"); err != nil || s.Size() != 0 {
		t.Errorf("%d bytes are left, %v", s.Size(), err)
	}
}
