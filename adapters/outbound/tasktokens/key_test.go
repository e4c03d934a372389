package tasktokens_test

import (
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/tasktokens"
	"heliograph/test/contract/tasktokenscontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openKey(t *testing.T, broker *natsbroker.Broker) tasktokens.Key {
	t.Helper()
	key, err := tasktokens.OpenKey(t.Context(), broker)
	if err != nil {
		t.Error(err)
	}
	return key
}

func TestTaskTokensContractOnNATS(t *testing.T) {
	tasktokenscontract.Run(t, func(t *testing.T) tasktokenscontract.Subject {
		broker := brokertest.InProcess(t)
		return tasktokenscontract.Subject{
			Tokens: open(t, openKey(t, broker)), Authenticator: open(t, openKey(t, broker)), Stranger: open(t, openKey(t, brokertest.InProcess(t))),
		}
	})
}

func TestTheKeySurvivesARestart(t *testing.T) { // A8
	dir := t.TempDir()
	before := brokertest.Open(t, natsbroker.Config{Dir: dir})
	key := openKey(t, before)
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	if got := openKey(t, brokertest.Open(t, natsbroker.Config{Dir: dir})); got != key {
		t.Error("it is another one")
	}
}

func TestNodesThatStartAtTheSameTimeHaveOneKey(t *testing.T) { // A8
	broker := brokertest.InProcess(t)
	keys := make([]tasktokens.Key, 8)
	var running sync.WaitGroup
	for i := range keys {
		running.Go(func() { keys[i] = openKey(t, broker) })
	}
	running.Wait()
	for i, key := range keys {
		if key != keys[0] || key == (tasktokens.Key{}) {
			t.Errorf("node %d has another key", i)
		}
	}
}

func TestADamagedKeyIsAnErrorThatDoesNotShowIt(t *testing.T) { // A8
	for name, text := range map[string]string{
		"no JSON": "s3cret", "too short": `{"format":1,"key":"czNjcmV0"}`, "a later format": `{"format":2,"key":"czNjcmV0"}`,
	} {
		broker := brokertest.InProcess(t)
		openKey(t, broker)
		kv, err := broker.JetStream().KeyValue(t.Context(), "heliograph_keys")
		if err == nil {
			_, err = kv.PutString(t.Context(), "task_tokens", text)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tasktokens.OpenKey(t.Context(), broker); err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "czNjcmV0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
