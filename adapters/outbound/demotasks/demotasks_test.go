package demotasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"heliograph/domain/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The http-api specification has the texts, values, results and times.
func TestDemoTasksDoWhatTheSpecificationSays(t *testing.T) {
	for _, c := range []struct {
		name, params string
		result       string
		err          string
		took         time.Duration
		reports      []string
	}{
		{
			"demo_task", ``, `{"message":"default message","steps_completed":3,"status":"success"}`, "", 300 * time.Millisecond,
			[]string{"Starting test task 0.00", "Step 1/3 0.33", "Step 2/3 0.67", "Step 3/3 1.00"},
		},
		{
			"demo_task", `{"message":"hi","delay":2,"steps":1}`, `{"message":"hi","steps_completed":1,"status":"success"}`, "", 2 * time.Second,
			[]string{"Starting test task 0.00", "Step 1/1 1.00"},
		},
		{
			"demo_task", `{"steps":0}`, `{"message":"default message","steps_completed":0,"status":"success"}`, "", 0,
			[]string{"Starting test task 0.00"},
		},
		{
			"failing_task", `null`, ``, "Test error", 100 * time.Millisecond,
			[]string{"Starting failing task 0.00"},
		},
		{
			"failing_task", `{"error_message":"it broke","delay":1}`, ``, "it broke", time.Second,
			[]string{"Starting failing task 0.00"},
		},
		{
			"long_running_task", `{"total_time":1.25,"check_interval":0.5}`, `{"total_time":1.25,"status":"success"}`, "", 1250 * time.Millisecond,
			[]string{"Running... 0.5s 0.40", "Running... 1.0s 0.80", "Running... 1.2s 1.00"},
		},
		{
			"long_running_task", `{"total_time":0}`, `{"total_time":0,"status":"success"}`, "", 0, nil,
		},
	} {
		t.Run(c.name+" "+c.params, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, report := time.Now(), &reports{}
				result, err := handler(t, c.name).Run(t.Context(), raw(c.params), report)
				if string(result) != c.result || fmt.Sprint(err) != fmt.Sprint(orNil(c.err)) {
					t.Errorf("Run = %s, %v", result, err)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %s, want %s", took, c.took)
				}
				if diff := cmp.Diff(c.reports, report.got); diff != "" {
					t.Errorf("reports (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestLongRunningTaskTakesFiveSecondsByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, report := time.Now(), &reports{}
		_, err := handler(t, "long_running_task").Run(t.Context(), nil, report)
		if took := time.Since(began); err != nil || took != 5*time.Second || len(report.got) != 50 {
			t.Errorf("it took %s with %d reports, error %v", took, len(report.got), err)
		}
	})
}

func TestWaitsEndWithTheContext(t *testing.T) { // T7
	for _, typ := range types(t) {
		t.Run(typ.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(30*time.Millisecond, func() { cancel(task.ErrCancelled) })
				began := time.Now()
				_, err := typ.Handler.Run(ctx, raw(map[string]string{"long_running_task": `{"total_time":10,"check_interval":10}`}[typ.Name]), &reports{})
				if took := time.Since(began); took != 30*time.Millisecond || !errors.Is(err, task.ErrCancelled) {
					t.Errorf("it ended after %s with %v", took, err)
				}
			})
		})
	}
}

func TestParamsOutOfBoundsAreRefusedByName(t *testing.T) { // S3
	for name, bad := range map[string][]string{
		"demo_task": {
			`{"delay":-1}`, `{"delay":"1"}`, `{"delay":3601}`, `{"delay":1e999}`, `{"steps":-1}`, `{"steps":1.5}`,
			`{"steps":10001}`, `{"steps":true}`, `{"message":1}`, `{"message":{}}`,
		},
		"failing_task":      {`{"delay":-0.1}`, `{"delay":[]}`, `{"error_message":false}`},
		"long_running_task": {`{"total_time":-1}`, `{"total_time":"5"}`, `{"check_interval":0}`, `{"check_interval":-1}`, `{"check_interval":1e9}`},
	} {
		for _, params := range bad {
			field := strings.Split(params, `"`)[1]
			err := handler(t, name).Check(raw(params))
			if !errors.Is(err, task.ErrInvalidParams) || !strings.Contains(fmt.Sprint(err), fmt.Sprintf("%q", field)) {
				t.Errorf("%s: Check(%s) = %v, want ErrInvalidParams about %q", name, params, err, field)
			}
		}
	}
}

func TestWholeNumbersMayHaveADecimalPoint(t *testing.T) {
	if err := handler(t, "demo_task").Check(raw(`{"steps":3.0}`)); err != nil {
		t.Error(err)
	}
}

func TestEveryTypeIsDescribed(t *testing.T) {
	for _, typ := range types(t) {
		if typ.Description == "" || !json.Valid(typ.ParamsSchema) {
			t.Errorf("%s: description %q, schema %s", typ.Name, typ.Description, typ.ParamsSchema)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(`{"delay":0.1,"steps":3,"message":"m"}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, params string) {
		for _, typ := range types(t) {
			if err := typ.Handler.Check(raw(params)); err != nil && !errors.Is(err, task.ErrInvalidParams) {
				t.Errorf("%s: Check(%q) = %v", typ.Name, params, err)
			}
		}
	})
}

// reports records what a handler reports, as "text value".
type reports struct{ got []string }

func (r *reports) Report(text string, value float64) {
	r.got = append(r.got, fmt.Sprintf("%s %.2f", text, value))
}
func (r *reports) Text(text string)     { r.got = append(r.got, text) }
func (r *reports) Value(value float64)  { r.got = append(r.got, fmt.Sprint(value)) }
func (r *reports) Update(u task.Update) { r.got = append(r.got, fmt.Sprint(u)) }

// orNil is how an expected error prints.
func orNil(message string) any {
	if message == "" {
		return nil
	}
	return message
}
