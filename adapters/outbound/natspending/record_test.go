package natspending_test

import (
	"os"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/domain/version"
)

const (
	header  = "Heliograph-Version"
	subject = "$KV.heliograph_pending.a=7Eb" // of a~b
	payload = `{"version":"1","changelog":"<b>","added":"later"}`
)

// golden returns a stored form: the record's header if it has one, and its payload.
// Those of earlier formats never change: records of them are in the field.
func golden(t *testing.T, name string) (about, payload string) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	about, payload, found := strings.Cut(strings.TrimSpace(string(text)), "\n\n")
	if !found {
		return "", about
	}
	return strings.TrimPrefix(about, header+": "), payload
}

// write stores a record as it is given.
func write(t *testing.T, broker *natsbroker.Broker, about, payload string) {
	t.Helper()
	msg := nats.NewMsg(subject)
	msg.Data = []byte(payload)
	if about != "" {
		msg.Header.Set(header, about)
	}
	if _, err := broker.JetStream().PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
}

// wantStored holds the record against the form of that name.
func wantStored(t *testing.T, broker *natsbroker.Broker, wantAbout, wantPayload string) {
	t.Helper()
	stream, err := broker.JetStream().Stream(t.Context(), "KV_heliograph_pending")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	if about := msg.Header.Get(header); about != wantAbout || string(msg.Data) != wantPayload {
		t.Errorf("stored is %q with %s, want %q with %s", msg.Data, about, wantPayload, wantAbout)
	}
}

func TestStoredForms(t *testing.T) { // V2, V4
	broker := brokertest.InProcess(t)
	p := open(t, broker)
	v, err := version.Parse([]byte(payload))
	if err == nil {
		err = p.Put(t.Context(), "a~b", v)
	}
	if err != nil {
		t.Fatal(err)
	}
	about, text := golden(t, "pending-1.txt")
	wantStored(t, broker, about, text)
	for _, name := range []string{"pending-0.txt", "pending-1.txt"} {
		about, text := golden(t, name)
		write(t, broker, about, text)
		if v, err := p.Get(t.Context(), "a~b"); err != nil || string(v.Payload()) != payload {
			t.Errorf("%s is read as %s, %v", name, v.Payload(), err)
		}
	}
}

// During a rolling update nodes of two versions use the same records. Each Get writes
// the record again.
func TestARecordSurvivesARollingUpdateInBothDirections(t *testing.T) { // V2, V3
	broker := brokertest.InProcess(t)
	p := open(t, broker)
	const later = `{"format":1,"added":["later"]}`
	write(t, broker, later, payload)
	if v, err := p.Get(t.Context(), "a~b"); err != nil || string(v.Payload()) != payload {
		t.Errorf("a later version's record is read as %s, %v", v.Payload(), err)
	}
	wantStored(t, broker, later, payload)

	write(t, broker, `{"format":2}`, payload)
	if v, err := p.Get(t.Context(), "a~b"); err != nil || !v.IsZero() {
		t.Errorf("a record of a later format is read as %s, %v", v.Payload(), err)
	}
	wantStored(t, broker, `{"format":2}`, payload)

	v, err := version.Parse([]byte(payload))
	if err == nil {
		err = p.Put(t.Context(), "a~b", v)
	}
	if err != nil {
		t.Fatal(err)
	}
	kv, err := broker.JetStream().KeyValue(t.Context(), "heliograph_pending")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := kv.Get(t.Context(), "a=7Eb") // what the first version does, to send what it gets
	if err != nil || string(entry.Value()) != payload {
		t.Fatalf("the first version reads %+v, %v", entry, err)
	}
	if _, err := kv.Update(t.Context(), entry.Key(), entry.Value(), entry.Revision()); err != nil {
		t.Fatal(err)
	}
	if v, err := p.Get(t.Context(), "a~b"); err != nil || string(v.Payload()) != payload {
		t.Errorf("what the first version has written again is read as %s, %v", v.Payload(), err)
	}
}
