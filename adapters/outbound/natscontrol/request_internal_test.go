package natscontrol

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The forms of requests: nodes of each of them may be in one cluster.
var golden = map[string]request{
	`{"token":"t","name":"replaced","data":{"a":1}}`:                            {Token: "t", Name: "replaced", Data: json.RawMessage(`{"a":1}`)},
	`{"token":"t","reason":"r"}`:                                                {Token: "t", Reason: "r"},
	`{"format":1,"token":"t","name":"replaced","data":{"a":1}}`:                 {Format: 1, Token: "t", Name: "replaced", Data: json.RawMessage(`{"a":1}`)},
	`{"format":1,"token":"t","reason":"r"}`:                                     {Format: 1, Token: "t", Reason: "r"},
	`{"format":2,"token":"t","principal":{"subject":"ann"}}`:                    {Format: 2, Token: "t", Principal: json.RawMessage(`{"subject":"ann"}`)},
	`{"format":3,"token":"t","name":"note","data":1,"service":"app","key":"k"}`: {Format: 3, Token: "t", Name: "note", Data: json.RawMessage(`1`), Service: "app", Key: "k"},
	`{"format":4,"token":"t","followed":{"task":"a","offset":7}}`:               {Format: 4, Token: "t", Followed: &followed{Task: "a", Offset: 7}},
	`{"format":4,"token":"t","followed":{"task":"a","offset":0,"ends":true}}`:   {Format: 4, Token: "t", Followed: &followed{Task: "a", Ends: true}},
}

func TestFormsOfRequests(t *testing.T) {
	for text, want := range golden {
		var got request
		if err := json.Unmarshal([]byte(text), &got); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s is read as %+v, %v", text, got, err)
		}
		if want.Format == 0 {
			continue
		}
		if written, err := json.Marshal(want); err != nil || string(written) != text {
			t.Errorf("written is %s, %v; want %s", written, err, text)
		}
		var first struct{ Token, Name, Reason string } // what versions read that sent no format
		if err := json.Unmarshal([]byte(text), &first); err != nil || first.Token != "t" || first.Name != want.Name || first.Reason != string(want.Reason) {
			t.Errorf("an earlier version reads %s as %+v, %v", text, first, err)
		}
	}
}
