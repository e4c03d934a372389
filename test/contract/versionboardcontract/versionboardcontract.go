// Package versionboardcontract is the contract of version.Board, as tests.
package versionboardcontract

import (
	"testing"

	"heliograph/domain/version"
)

// Run tests the empty boards that fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) version.Board) {
	t.Run("an empty board has the zero version", func(t *testing.T) { want(t, fresh(t), "") })
	t.Run("V8 the last version that was put is there, with every field", func(t *testing.T) {
		b := fresh(t)
		for _, payload := range []string{`{"version":"1"}`, `{"more":[1.50,null],"version":"2","changelog":"<b>\u00e9</b>"}`} {
			v, err := version.Parse([]byte(payload))
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Put(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			want(t, b, payload)
			want(t, b, payload)
		}
	})
}

func want(t *testing.T, b version.Board, payload string) {
	t.Helper()
	if v, err := b.Get(t.Context()); err != nil || string(v.Payload()) != payload {
		t.Errorf("got %s, %v; want %s", v.Payload(), err, payload)
	}
}
