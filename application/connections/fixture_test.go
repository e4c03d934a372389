package connections_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/memcontrol"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/application/connections"
	"heliograph/domain/connection"
	"heliograph/test/contract/connectionmanagercontract"
	"heliograph/test/logs"
	"heliograph/test/mocks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = time.Second // of an observer, in these tests

// fixture is a manager on a registry in memory. All its tokens start with
// "token": a log that has one fails the test.
type fixture struct {
	*connections.Manager

	registry *memregistry.Registry
	sender   *mocks.MockGatewaySender
	control  *mocks.MockGatewayControl // nil: there is no other node
	metrics  *metrics
	logs     *logs.Logs
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	f := fixture{
		registry: memregistry.New(), sender: mocks.NewMockGatewaySender(gomock.NewController(t)),
		metrics: &metrics{}, logs: &logs.Logs{},
	}
	f.Manager = f.over(f.registry)
	t.Cleanup(func() {
		if err := f.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if strings.Contains(f.logs.String(), "token-") {
			t.Errorf("a token is in the log:\n%s", f.logs)
		}
	})
	return f
}

// over returns a manager like the fixture's, on another registry.
func (f fixture) over(r connection.Registry) *connections.Manager {
	deps := connections.Deps{Registry: r, Roster: f.registry, Sender: f.sender, Control: memcontrol.New(), Metrics: f.metrics, Log: f.logs.Logger()}
	if f.control != nil {
		deps.Control = f.control
	}
	return connections.New(connections.Config{Node: "node-1", ObserverTimeout: limit}, deps)
}

// open connects a stream and says that it is open.
func (f fixture) open(t *testing.T, id connection.RequestID, token connection.Token) {
	t.Helper()
	f.connect(t, id, token).Opened()
}

func (f fixture) connect(t *testing.T, id connection.RequestID, token connection.Token) connection.Opening {
	t.Helper()
	opening, err := f.Connect(t.Context(), id, token, "")
	if err != nil {
		t.Fatal(err)
	}
	return opening
}

func (f fixture) observe(name string, o connection.ObserverFunc) { f.Observe(name, o) }

// metrics implements connection.Metrics.
type metrics struct{ connects, disconnects atomic.Int64 }

func (m *metrics) Connected()    { m.connects.Add(1) }
func (m *metrics) Disconnected() { m.disconnects.Add(1) }

func (m *metrics) want(t *testing.T, connects, disconnects int64) {
	t.Helper()
	if got := m.connects.Load(); got != connects {
		t.Errorf("%d connects were counted, want %d", got, connects)
	}
	if got := m.disconnects.Load(); got != disconnects {
		t.Errorf("%d disconnects were counted, want %d", got, disconnects)
	}
}

func TestManagerContract(t *testing.T) {
	connectionmanagercontract.Run(t, func(t *testing.T) connectionmanagercontract.Subject {
		f := newFixture(t)
		closed := make(chan connection.Token, 16)
		f.sender.EXPECT().Close(gomock.Any(), gomock.Any(), replaced).AnyTimes().DoAndReturn(sendTo(closed))
		return connectionmanagercontract.Subject{
			Manager: f.Manager,
			Registered: func(id connection.RequestID) (connection.Token, bool) {
				c, err := f.registry.ByRequestID(t.Context(), id)
				return c.Token, err == nil
			},
			Closed: closed,
		}
	})
}
