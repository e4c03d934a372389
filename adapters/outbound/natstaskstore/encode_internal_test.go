package natstaskstore

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/engine/natsbroker"
)

// Each field of a record, with values that are encoded in different ways.
var samples = map[reflect.Type][]any{
	reflect.TypeFor[string]():          {"", "plain", `a"\<>&`, "line\nend\x00\x7f", "ü\u2028", "\xff"},
	reflect.TypeFor[json.RawMessage](): {json.RawMessage(nil), json.RawMessage(`{"a":["<\u2028>",1.50,null]}`), json.RawMessage(`"ü"`), json.RawMessage(`[`)},
	reflect.TypeFor[time.Time]():       {time.Time{}, time.Unix(1, 0).UTC(), time.Unix(1, 120).UTC(), time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)},
	reflect.TypeFor[bool]():            {false, true},
}

func TestARecordIsWrittenAsTheStandardLibraryWritesIt(t *testing.T) {
	const records = 5000
	seeded := rand.New(rand.NewPCG(1, 2))
	full := reflect.ValueOf(recordOf(labelled()))
	failed := 0
	for range records {
		var r taskRecord
		fields := reflect.ValueOf(&r).Elem()
		for i := range fields.NumField() {
			switch field := fields.Field(i); {
			case seeded.IntN(2) == 0: // zero
			case field.CanInt():
				field.SetInt(seeded.Int64() >> seeded.IntN(63) * int64(1-2*seeded.IntN(2)))
			case field.CanUint():
				field.SetUint(seeded.Uint64() >> seeded.IntN(64))
			case field.Kind() == reflect.String:
				text := samples[reflect.TypeFor[string]()]
				field.SetString(text[seeded.IntN(len(text))].(string))
			case samples[field.Type()] != nil:
				values := samples[field.Type()]
				n := len(values)
				if seeded.IntN(20) > 0 && n > 2 {
					n-- // the last one cannot be encoded
				}
				field.Set(reflect.ValueOf(values[seeded.IntN(n)]))
			default:
				field.Set(full.Field(i))
			}
		}
		want, wantErr := natsbroker.EncodeJSON(r)
		got, err := r.marshal()
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%+v: error %v, want %v", r, err, wantErr)
		}
		if wantErr != nil {
			failed++
			continue
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Fatalf("%+v (-want +got):\n%s", r, diff)
		}
	}
	if failed == 0 || failed > records/2 {
		t.Errorf("%d of %d records could not be encoded", failed, records)
	}
}
