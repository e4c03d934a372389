package standin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"heliograph/test/sseclient"
	"heliograph/test/standin"
)

// post posts a body and returns the status and the answer.
func (r *rig) post(t *testing.T, path, body string) (status int, answer map[string]any) {
	t.Helper()
	resp, err := r.http.Post(r.URL()+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Error(err)
	}
	return resp.StatusCode, answer
}

func event(id, data string) string {
	return fmt.Sprintf(`{"event":{"name":"e","data":%q,"id":%q}`, data, id)
}

func TestExtensionsAreThereOnlyWhenTheyAreAnnounced(t *testing.T) {
	t.Parallel()
	r := newRig(t, accept)
	if status, _ := r.post(t, "/internal/broadcast", event("1", "a")+"}"); status != http.StatusNotFound {
		t.Errorf("broadcast without the extension: %d, want 404", status)
	}
	r.Announce(standin.Extensions...)
	s, token := r.open(t, "/stream")
	status, got := r.post(t, "/internal/broadcast", event("1", "a")+"}")
	if status != http.StatusOK || got["delivered"] != 1.0 {
		t.Errorf("broadcast: %d %v", status, got)
	}
	_, _ = r.post(t, "/internal/broadcast", event("1", "a")+"}") // repeated
	_, got = r.post(t, "/internal/broadcast", event("2", "b")+`,"tokens":["`+token+`","x"]}`)
	if got["delivered"] != 1.0 || fmt.Sprint(got["unknown"]) != "[x]" {
		t.Errorf("broadcast to some: %v", got)
	}
	r.mustPush(t, `{"token":"`+token+`","event":{"name":"last","data":"c"}}`, http.StatusOK, "ok")
	await(t, s, "last")
	if events := s.Events(); len(events) != 3 || events[0].ID != "1" || events[1].ID != "2" {
		t.Errorf("the stream got %+v", events)
	}
}

func TestPendingStreamGetsReplayAndBroadcastsOnceAndInOrder(t *testing.T) {
	t.Parallel()
	var r *rig
	push := func(token, event string) {
		r.mustPush(t, `{"token":"`+token+`",`+event[1:]+"}", http.StatusOK, "buffered")
	}
	r = newRig(t, func(_ http.ResponseWriter, m message) {
		for _, id := range []string{"2", "3", "4"} {
			_, _ = r.post(t, "/internal/broadcast", event(id, "log "+id)+"}")
		}
		push(m.Token, event("1", "log 1"))
		push(m.Token, event("2", "log 2"))
		push(m.Token, event("3", "private"))
	})
	r.Announce(standin.Extensions...)
	s, _ := r.open(t, "/stream")
	_, _ = r.post(t, "/internal/broadcast", `{"event":{"name":"last","data":""}}`)
	await(t, s, "last")
	var got []string
	for _, ev := range s.Events() {
		got = append(got, ev.Data)
	}
	if want := []string{"log 1", "log 2", "log 3", "private", "log 4", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConnectionsAreListedInPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, accept)
	r.Announce(standin.Extensions...)
	var want, got []string
	for i := range 5 {
		_, token := r.open(t, fmt.Sprintf("/stream?n=%d", i))
		want = append(want, token)
	}
	for after := ""; ; {
		resp, err := r.http.Get(r.URL() + "/internal/connections?limit=2&after=" + after)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Connections []struct{ Token, URL string }
			Next        string
		}
		err = json.NewDecoder(resp.Body).Decode(&page)
		_ = resp.Body.Close()
		if err != nil || len(page.Connections) > 2 {
			t.Fatalf("%+v, %v", page, err)
		}
		for _, c := range page.Connections {
			got = append(got, c.Token)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
}

func TestClientThatHasABroadcastDoesNotGetItRepeated(t *testing.T) {
	t.Parallel()
	var r *rig
	r = newRig(t, func(http.ResponseWriter, message) {
		_, _ = r.post(t, "/internal/broadcast", event("7", "again")+"}")
	})
	r.Announce(standin.Extensions...)
	client := sseclient.New(r.URL() + "/stream")
	client.SetLastID("7")
	s, err := client.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	_, _ = r.post(t, "/internal/broadcast", `{"event":{"name":"last","data":""}}`)
	await(t, s, "last")
	if events := s.Events(); len(events) != 1 {
		t.Errorf("got %+v, want the last only", events)
	}
}
