package env_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"heliograph/adapters/outbound/prommetrics"
	"heliograph/bootstrap"
	"heliograph/domain/task"
	"heliograph/test/contract/metricscontract"
	"heliograph/test/contract/taskhandlercontract"
	"heliograph/test/contract/taskreadercontract"
	"heliograph/test/contract/taskservicecontract"
	"heliograph/test/contract/taskworkerscontract"
	"heliograph/test/scrape"
)

// The types of TASKS_FILE: three for workers elsewhere and a program.
const taskFile = `
tasks:
  steady: {worker: {}, params: {a: {type: string}, n: {type: number}}}
  other: {worker: {}}
  retrying: {worker: {}, retries: {attempts: 2, backoff: 1ms}}
  hasty: {worker: {lease: 300ms, attempts: 2, backoff: 1ms}}
  sleep: {command: [sleep, "${seconds}"], params: {seconds: {type: number, minimum: 0}}, required: [seconds]}
`

// places is how many tasks of a type may wait, and scheduled how many for their time.
const places, scheduled = 20, 5

// taskPorts are the ports of a running service that tasks go through.
type taskPorts struct {
	tasks   task.Service
	reader  task.Reader
	workers task.Workers

	leases        map[task.ID]task.Lease
	maxEventBytes int
	stop          func()
}

// tasks runs the service until t ends.
func (e environment) tasks(t *testing.T) *taskPorts {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tasks.yaml")
	if err := os.WriteFile(path, []byte(taskFile), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := e.config(t, map[string]string{
		"TASKS_FILE": path, "TASK_QUEUE_SIZE": strconv.Itoa(places), "TASK_SCHEDULED_MAX": strconv.Itoa(scheduled), "SHUTDOWN_GRACE_PERIOD": "1s", "SSE_MAX_EVENT_BYTES": "32KiB",
	})
	p := &taskPorts{leases: map[task.ID]task.Lease{}, maxEventBytes: int(cfg.Stream.MaxEvent)}
	app, err := bootstrap.New(t.Context(), cfg, silent, fx.Populate(&p.tasks, &p.reader, &p.workers))
	if err != nil {
		t.Fatal(err)
	}
	_, p.stop = start(t, app)
	return p
}

func (p *taskPorts) start(t *testing.T, r task.Request) task.ID {
	t.Helper()
	started, err := p.tasks.Start(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return started.ID
}

func (p *taskPorts) begin(t *testing.T, typ string) task.ID {
	t.Helper()
	c, err := p.workers.Claim(t.Context(), []string{typ}, "")
	if err != nil {
		t.Fatal(err)
	}
	p.leases[c.Task.ID] = c.Lease
	return c.Task.ID
}

func (p *taskPorts) complete(t *testing.T, id task.ID, result json.RawMessage) {
	t.Helper()
	if err := p.workers.Complete(t.Context(), id, p.leases[id], result); err != nil {
		t.Fatal(err)
	}
}

func TestTaskService(t *testing.T) {
	runSuite(t, "taskservicecontract", func(t *testing.T, e environment) {
		taskservicecontract.Run(t, func(t *testing.T) taskservicecontract.Subject {
			p := e.tasks(t)
			return taskservicecontract.Subject{
				Tasks: p.tasks, Reader: p.reader, Type: "steady", BadParams: json.RawMessage(`[1]`), Places: places, Scheduled: scheduled,
				Begin:    func(t *testing.T) task.ID { t.Helper(); return p.begin(t, "steady") },
				Complete: func(t *testing.T, id task.ID) { t.Helper(); p.complete(t, id, nil) },
				Stop:     func(*testing.T) { p.stop() },
			}
		})
	})
}

func TestTaskReader(t *testing.T) {
	runSuite(t, "taskreadercontract", func(t *testing.T, e environment) {
		taskreadercontract.Run(t, func(t *testing.T) taskreadercontract.Subject {
			p := e.tasks(t)
			return taskreadercontract.Subject{
				Reader: p.reader, Type: "steady", Other: "other", Start: p.start, Begin: p.begin, Complete: p.complete,
				MaxEventBytes: p.maxEventBytes,
			}
		})
	})
}

func TestTaskWorkers(t *testing.T) {
	runSuite(t, "taskworkerscontract", func(t *testing.T, e environment) {
		taskworkerscontract.Run(t, func(t *testing.T) taskworkerscontract.Subject {
			p := e.tasks(t)
			return taskworkerscontract.Subject{
				Workers: p.workers, Tasks: p.tasks, Reader: p.reader, Steady: "steady", Hasty: "hasty", Retrying: "retrying", Inside: "demo_task",
			}
		})
	})
}

func TestTaskHandlers(t *testing.T) {
	runSuite(t, "taskhandlercontract", func(t *testing.T, e environment) {
		p := e.tasks(t)
		handler := func(name string) task.Handler {
			types, err := p.reader.Types(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(types, func(typ task.Type) bool { return typ.Name == name })
			return types[i].Handler
		}
		for name, s := range map[string]taskhandlercontract.Subject{
			"sleep":     {Short: json.RawMessage(`{"seconds":0}`), Endless: json.RawMessage(`{"seconds":3600}`), Bad: []json.RawMessage{nil}},
			"demo_task": {Short: json.RawMessage(`{"delay":0.001}`), Endless: json.RawMessage(`{"delay":3600}`)},
		} {
			s.Handler, s.Bad = handler(name), append(s.Bad, json.RawMessage(`[]`), json.RawMessage(`1`))
			t.Run(name, func(t *testing.T) {
				taskhandlercontract.Run(t, func(*testing.T) taskhandlercontract.Subject { return s })
			})
		}
	})
}

func TestMetrics(t *testing.T) {
	runSuite(t, "metricscontract", func(t *testing.T, e environment) {
		metricscontract.Run(t, func(t *testing.T) (s metricscontract.Subject) {
			var registry *prometheus.Registry
			var metrics *prommetrics.Metrics
			unstarted(t, e.config(t, nil), &s.Connections, &s.Gateway, &metrics, &registry)
			s.Tasks = metrics.Tasks()
			s.Read = func(t *testing.T) metricscontract.Reading {
				t.Helper()
				return scrape.Read(t, registry).Reading()
			}
			return s
		})
	})
}
