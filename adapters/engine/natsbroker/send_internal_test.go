package natsbroker

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
)

func TestAnswersToMessages(t *testing.T) {
	for text, want := range map[string]jetstream.PubAck{
		`{"stream":"s","seq":12}`:                                {Stream: "s", Sequence: 12},
		`{"stream":"s", "seq":12}`:                               {Stream: "s", Sequence: 12},
		`{"stream":"a\u0041","seq":1}`:                           {Stream: "aA", Sequence: 1},
		`{"stream":"s","seq":12,"duplicate":true}`:               {Stream: "s", Sequence: 12, Duplicate: true},
		`{"type":"t","stream":"s","seq":7,"domain":"d"}`:         {Stream: "s", Sequence: 7, Domain: "d"},
		`{"stream":"s","domain":"d","seq":18446744073709551615}`: {Stream: "s", Domain: "d", Sequence: 18446744073709551615},
	} {
		got, err := decodeAnswer([]byte(text))
		if err != nil || !cmp.Equal(*got, want) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{``, `{}`, `{"stream":"","seq":1}`, `{"stream":"s","seq":}`, `{"stream":"s","seq":1`, `[]`} {
		if got, err := decodeAnswer([]byte(text)); !errors.Is(err, jetstream.ErrInvalidJSAck) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	_, err := decodeAnswer([]byte(`{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 1"},"stream":"s","seq":0}`))
	if !Conflict(err) {
		t.Errorf("got %v, want a conflict", err)
	}
}
