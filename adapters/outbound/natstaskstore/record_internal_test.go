package natstaskstore

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// golden returns a stored form. Those of earlier formats never change: records of
// them are in the field.
func golden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func everyField() task.Task {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	text, done := "nearly", 0.0
	return task.Task{
		ID: "a", Type: "demo", Params: json.RawMessage(`{"x":"<1>"}`), IdempotencyKey: "k", Status: task.Failed, CancelRequested: true,
		Created: at, Started: at.Add(time.Second - 5), Ended: at.Add(2*time.Second - 5), Result: json.RawMessage(`[1]`), Error: "it broke",
		Progress: task.Progress{Text: "half", Value: 0.5, Stage: 1, Stages: 2, Done: 3.5, Total: 7, Unit: "files"},
		Seq:      7, Attempt: 2, Lease: "lease", Node: "node/life", OwnerGeneration: 3, Ran: 4 * time.Second, Reports: 6,
		Relayed:           []task.Relayed{{Number: 6, Update: task.Update{Text: &text, Done: &done}}},
		FinalEventPending: true, NotBefore: at.Add(time.Hour - 5),
	}
}

// forSome is a task that not everyone may see.
func forSome() task.Task {
	t := everyField()
	t.Owner, t.Audience = "user-1", &access.Audience{Subjects: []string{"user-1"}, Roles: []string{"ops"}, RequestIDs: []string{"r1"}}
	return t
}

// told is a task of which events were published that do not come from its attempts.
func told() task.Task {
	t := leased()
	t.CancelSeq, t.Removed = 6, true
	return t
}

// labelled is a task that can be found by its labels.
func labelled() task.Task {
	t := forSome()
	t.Labels = task.Labels{"page": "<exports>", "order": "4711"}
	return t
}

// leased is a task of the attempt that its starter claimed.
func leased() task.Task {
	t := labelled()
	t.LeasedToStarter = true
	return t
}

// whole is a task with every field.
func whole() task.Task {
	t := complete()
	t.ErrorCode, t.RunsOn, t.Worker = "NO_DISK", "node", "resizer"
	return t
}

// complete is a task that was started with a time.
func complete() task.Task {
	t := told()
	t.RunAt = t.Created.Add(time.Minute - 5)
	return t
}

// scheduled is a task whose time has not come.
func scheduled() task.Task {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	return task.Task{ID: "a", Type: "demo", Status: task.Pending, Created: at, Attempt: 1, RunAt: at.Add(time.Hour), NotBefore: at.Add(time.Hour)}
}

func TestStoredFormOfATask(t *testing.T) {
	newest := everyField()
	_, text, err := encode(newest)
	if diff := cmp.Diff(golden(t, "task-1.json"), string(text)); diff != "" || err != nil {
		t.Errorf("written: %v (-want +got):\n%s", err, diff)
	}
	_, text, err = encode(forSome())
	if diff := cmp.Diff(golden(t, "task-2.json"), string(text)); diff != "" || err != nil {
		t.Errorf("written: %v (-want +got):\n%s", err, diff)
	}
	_, text, err = encode(labelled())
	if diff := cmp.Diff(golden(t, "task-2-labels.json"), string(text)); diff != "" || err != nil {
		t.Errorf("written: %v (-want +got):\n%s", err, diff)
	}
	_, text, err = encode(leased())
	if diff := cmp.Diff(golden(t, "task-2-leased.json"), string(text)); diff != "" || err != nil {
		t.Errorf("written: %v (-want +got):\n%s", err, diff)
	}
	_, text, err = encode(told())
	if diff := cmp.Diff(golden(t, "task-2-told.json"), string(text)); diff != "" || err != nil {
		t.Errorf("written: %v (-want +got):\n%s", err, diff)
	}
	_, text, err = encode(complete())
	if diff := cmp.Diff(golden(t, "task-2-run-at.json"), string(text)); diff != "" || err != nil {
		t.Errorf("written: %v (-want +got):\n%s", err, diff)
	}
	_, text, err = encode(whole())
	if diff := cmp.Diff(golden(t, "task-2-whole.json"), string(text)); diff != "" || err != nil {
		t.Errorf("written: %v (-want +got):\n%s", err, diff)
	}
	_, text, err = encode(scheduled()) // T19: earlier versions must not begin it
	if diff := cmp.Diff(golden(t, "task-3.json"), string(text)); diff != "" || err != nil {
		t.Errorf("written: %v (-want +got):\n%s", err, diff)
	}
	first := newest
	first.Ran, first.Reports, first.Relayed = 0, 0, nil // that format had none
	for name, want := range map[string]task.Task{
		"task-0.json": first, "task-1.json": newest, "task-2.json": forSome(), "task-2-labels.json": labelled(), "task-2-leased.json": leased(),
		"task-2-told.json": told(), "task-2-run-at.json": complete(), "task-2-whole.json": whole(), "task-3.json": scheduled(),
	} {
		got, err := decode("a", []byte(golden(t, name)), 0)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s is read: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// A node takes what it has written for what it would read.
func TestWhatIsWrittenIsWhatWouldBeRead(t *testing.T) {
	spaced := everyField()
	spaced.Params, spaced.Result = json.RawMessage(" {\n\t\"a b\": [ 1, \"<\u00e9> \" ] }"), json.RawMessage(` null`)
	spaced.Created = time.Date(2026, 3, 1, 12, 0, 0, 5, time.FixedZone("east", 3600))
	later := labelled()
	later.Unknown = json.RawMessage(`{"Later":[1,2]}`)
	for name, given := range map[string]task.Task{"every field": everyField(), "labelled": labelled(), "spaced": spaced, "later": later, "null": {ID: "a", Status: task.Pending, Params: json.RawMessage(`null`)}} {
		stored, text, err := encode(given)
		if err != nil {
			t.Fatal(err)
		}
		stored.Revision = 7
		read, err := decode("a", text, 7)
		if diff := cmp.Diff(read, stored); diff != "" || err != nil {
			t.Errorf("%s: %v (-read +stored):\n%s", name, err, diff)
		}
	}
}

func TestWhatThisNodeWroteIsNotDecoded(t *testing.T) {
	r, err := newRecords(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := everyField()
	r.keep(want, []byte("no JSON"))
	want.Revision = 5
	if got, err := r.read("a", []byte("no JSON"), 5); err != nil || !cmp.Equal(want, got) {
		t.Errorf("its own is read as %+v, %v", got, err)
	}
	if got, err := r.read("a", []byte("other"), 6); err == nil {
		t.Errorf("what another node wrote is read as %+v", got)
	}
	if got, ok := r.writtenHere("a"); ok {
		t.Errorf("before it was taken it is known as %+v", got)
	}
	r.keep(want, make([]byte, writtenBytes+1))
	if _, ok := r.written.Peek("a"); ok {
		t.Error("a large one is kept")
	}
}

// A field of the domain's that the record has not would be lost without a word.
func TestTheRecordHasEveryFieldOfATask(t *testing.T) {
	filled := whole()
	notStored := map[string]bool{"Truncated": true, "ParamsHidden": true, "Term": true, "Unknown": true, "Revision": true}
	for field, value := range reflect.ValueOf(filled).Fields() {
		if value.IsZero() != notStored[field.Name] {
			t.Errorf("the golden record and %s: the test has to know whether it is stored", field.Name)
		}
	}
}

// readerOfFormat0 is what versions that wrote format 0 read, as far as it matters
// what they make of it.
type readerOfFormat0 struct {
	ID                      task.ID
	Type                    string
	Params, Result          json.RawMessage
	IdempotencyKey          string
	Status                  task.Status
	CancelRequested         bool
	Created, Started, Ended time.Time
	Error                   string
	Progress                task.Progress
	Seq                     uint64
	Attempt                 int
	Lease, Node             string
	Hands                   uint64
	Untold                  bool
	NotBefore               time.Time
	Truncated               bool
	Revision                uint64
}

func TestAnEarlierVersionReadsWhatThisOneWrites(t *testing.T) {
	var before, now readerOfFormat0
	for name, into := range map[string]*readerOfFormat0{"task-0.json": &before, "task-1.json": &now} {
		if err := json.Unmarshal([]byte(golden(t, name)), into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, now); diff != "" {
		t.Errorf("(-format 0 +format 1):\n%s", diff)
	}
	var key readerOfFormat0
	if err := json.Unmarshal([]byte(golden(t, "key-1.json")), &key); err != nil || key.ID != "a" || key.Status != task.Cancelled {
		t.Errorf("a key's record is read as %+v, %v; it must be a task that does not run", key, err)
	}
}

func TestStoredFormOfAKey(t *testing.T) {
	for _, name := range []string{"key-0.json", "key-1.json"} {
		if id, err := decodeKey([]byte(golden(t, name))); err != nil || id != "a" {
			t.Errorf("%s names %q, %v", name, id, err)
		}
	}
	text, err := encodeKey("a")
	var written, want keyRecord
	for text, into := range map[string]*keyRecord{string(text): &written, golden(t, "key-1.json"): &want} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	written.Ended = want.Ended // the time of writing
	if written != want || err != nil {
		t.Errorf("written is %+v, %v; want %+v", written, err, want)
	}
	if id, err := decodeKey([]byte(`{"format":2,"ID":"a"}`)); err == nil {
		t.Errorf("a record of a later format names %q", id)
	}
}

// Fields that a later version has added come through a change by this one.
func TestFieldsOfALaterVersionAreKept(t *testing.T) {
	later := strings.Replace(golden(t, "task-1.json"), `"Type":"demo"`, `"Retries":{"page":"<a>"},"Type":"demo","Output":7`, 1)
	read, err := decode("a", []byte(later), 1)
	if err != nil {
		t.Fatal(err)
	}
	read.Seq++
	_, text, err := encode(read)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	if retries, _ := fields["Retries"].(map[string]any); retries["page"] != "<a>" || fields["Output"] != 7.0 || fields["Seq"] != 8.0 {
		t.Errorf("written is %s", text)
	}
	again, err := decode("a", text, 1)
	if diff := cmp.Diff(read, again); diff != "" || err != nil {
		t.Errorf("read again: %v (-want +got):\n%s", err, diff)
	}
	if got, err := decode("a", []byte(strings.Replace(later, `"format":1`, `"format":4`, 1)), 1); err == nil {
		t.Errorf("a record of a later format is read as %+v", got)
	}
}

func BenchmarkDecode(b *testing.B) {
	_, text, err := encode(everyField())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode("a", text, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	t := everyField()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := encode(t); err != nil {
			b.Fatal(err)
		}
	}
}
