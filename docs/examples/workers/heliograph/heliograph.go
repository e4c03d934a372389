// Package heliograph runs tasks of heliograph in Go, with nothing but its standard
// library. Copy this file as it is.
//
// A worker claims tasks, one after the other, until its context ends:
//
//	service := &heliograph.Service{URL: "http://localhost:8080", Log: log}
//	err := service.Work(ctx, map[string]heliograph.Work{"count": count})
//
// A job of a queue that you have already shows its progress:
//
//	service.Run(ctx, heliograph.Start{Type: "count", Key: jobID}, func(ctx context.Context, task *heliograph.Task) (any, error) {
//		return nil, task.Report(ctx, heliograph.Update{Text: "half", Value: 0.5})
//	})
package heliograph

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Why the context of a task's work ends.
var (
	// ErrCancelled: somebody asked for it.
	ErrCancelled = errors.New("cancelled")
	// ErrLost: the task is another worker's by now, and nothing that is said of it counts.
	ErrLost = errors.New("the task is another worker's by now")
)

// ErrAway says that the service did not answer for a whole lease, or for a minute.
var ErrAway = errors.New("the service did not answer")

// RefusedError is what the service does not take. It is permanent.
type RefusedError struct {
	What  string // was sent
	Words string // the service's
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the service does not take it: %s: %s", e.What, e.Words)
}

// Permanent makes an error of a task's work one that another attempt would end with, too.
func Permanent(err error) error { return &permanentError{err} }

// IsPermanent reports whether another attempt would end with the error, too.
func IsPermanent(err error) bool {
	_, permanent := errors.AsType[*permanentError](err)
	_, refused := errors.AsType[*RefusedError](err)
	return permanent || refused
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// Service is where tasks are. It is safe for concurrent use, and must not be changed
// once it was used.
type Service struct {
	URL    string
	Token  string       // an API key; "" where the service asks for none
	Name   string       // what the service shows as the worker of a task; "" is nothing
	Client *http.Client // nil is http.DefaultClient
	Log    *slog.Logger // has one line for each task
}

// Work does one task. Its result becomes JSON, its error is the task's. It is to return
// soon when ctx ends; context.Cause says why.
type Work func(ctx context.Context, task *Task) (result any, err error)

// Start is what a task is started with. Params becomes JSON, nil is none.
type Start struct {
	Type     string            `json:"type"`
	Params   any               `json:"params,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Audience any               `json:"audience,omitempty"`
	// Key should name the job and its attempt: started again with it, while the first
	// call's attempt goes on, it is the same task. "" is one that no other call has.
	Key string `json:"-"`
}

// Update is what a task says of its progress; what is left out stays as it was.
type Update struct {
	Text   string  `json:"text,omitempty"`
	Value  float64 `json:"value,omitempty"` // 0 to 1
	Stage  int     `json:"stage,omitempty"`
	Stages int     `json:"stages,omitempty"`
	Done   float64 `json:"done,omitempty"`
	Total  float64 `json:"total,omitempty"`
	Unit   string  `json:"unit,omitempty"`
}

// Task is one that this process runs. Its lease is renewed in the background until it has
// ended: Complete, Fail or Release must follow. It is safe for concurrent use.
type Task struct {
	ID      string
	Type    string
	Params  json.RawMessage
	Labels  map[string]string
	Attempt int // from 1

	service *Service
	lease   string
	term    time.Duration
	begin   time.Time
	work    context.Context //nolint:containedctx // ends when the work is to stop
	stop    context.CancelCauseFunc
	over    chan struct{} // closed when the task has ended
	end     func()        // closes it; may be called again
	renewed chan struct{} // closed when it is renewed no more

	printing sync.Mutex
	printed  int64 // where what is printed goes on; -1 is unknown; guarded by printing
}

// Work claims tasks, one after the other, until ctx ends, which gives the task that runs
// back: its error is nil then. Several workers share the tasks. Errors: *RefusedError if the
// service refuses the claim.
func (s *Service) Work(ctx context.Context, work map[string]Work) error {
	types := slices.Sorted(maps.Keys(work))
	for ctx.Err() == nil {
		task, err := s.Claim(ctx, 20*time.Second, types...)
		if err != nil {
			return err
		}
		if task != nil {
			task.run(ctx, work[task.Type])
		}
	}
	return nil
}

// run does the work. What comes of it is in the log.
func (t *Task) run(ctx context.Context, work Work) {
	result, err := work(t.work, t) //nolint:contextcheck // made of ctx
	switch {
	case err == nil:
		_ = t.Complete(ctx, result)
	case ctx.Err() != nil && !t.cancelled():
		_ = t.Release(ctx)
	default:
		_ = t.Fail(ctx, err)
	}
}

// Run starts a task and does its work here. It returns the work's error, or else what kept
// the task from being started or completed.
func (s *Service) Run(ctx context.Context, start Start, work Work) error {
	task, err := s.Start(ctx, start)
	if err != nil {
		return err
	}
	result, err := work(task.work, task) //nolint:contextcheck // made of ctx
	if err != nil {
		_ = task.Fail(ctx, err) // it is in the log
		return err
	}
	return task.Complete(ctx, result)
}

// Claim waits for a task of one of the types; it is nil if none came. Errors:
// *RefusedError.
func (s *Service) Claim(ctx context.Context, wait time.Duration, types ...string) (*Task, error) {
	limited, cancel := context.WithTimeout(ctx, wait+10*time.Second)
	defer cancel()
	status, answer := s.post(limited, "/api/workers/claim", "", map[string]any{"types": types, "wait": wait.Seconds(), "worker": s.Name})
	switch {
	case status == http.StatusOK:
		return s.task(ctx, answer)
	case ctx.Err() != nil, status == http.StatusNoContent:
		return nil, nil
	case again(status):
		pause(ctx, time.Second)
		return nil, nil
	default:
		return nil, &RefusedError{"claim", words(answer)}
	}
}

// Start starts a task that the caller runs itself. Errors: *RefusedError, ErrAway.
func (s *Service) Start(ctx context.Context, start Start) (*Task, error) {
	body := struct {
		Start

		Claim  bool   `json:"claim"`
		Worker string `json:"worker,omitempty"`
	}{start, true, s.Name}
	key := cmp.Or(start.Key, rand.Text())
	for giveUp := time.Now().Add(time.Minute); ; pause(ctx, time.Second/2) {
		switch status, answer := s.post(ctx, "/api/tasks", key, body); {
		case status == http.StatusAccepted:
			return s.started(ctx, start, answer)
		case !again(status):
			return nil, &RefusedError{"start", words(answer)}
		case ctx.Err() != nil || time.Now().After(giveUp):
			return nil, fmt.Errorf("%w: start: %s", ErrAway, words(answer))
		}
	}
}

func (s *Service) started(ctx context.Context, start Start, answer []byte) (*Task, error) {
	t, err := s.task(ctx, answer)
	if err != nil {
		return nil, err
	}
	t.Type, t.Labels, t.Attempt = start.Type, start.Labels, 1
	t.Params, _ = json.Marshal(start.Params) // it was sent so
	if t.lease == "" {
		t.end()
		return nil, &RefusedError{"start", "task " + t.ID + " was started with this key before, and is not the caller's"}
	}
	return t, nil
}

// task makes a Task of an answer, and renews its lease.
func (s *Service) task(ctx context.Context, answer []byte) (*Task, error) {
	var a struct {
		ID      string            `json:"task_id"`
		Type    string            `json:"type"`
		Params  json.RawMessage   `json:"params"`
		Labels  map[string]string `json:"labels"`
		Attempt int               `json:"attempt"`
		Lease   string            `json:"lease"`
		Seconds float64           `json:"lease_seconds"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	t := &Task{
		ID: a.ID, Type: a.Type, Params: a.Params, Labels: a.Labels, Attempt: a.Attempt,
		service: s, lease: a.Lease, term: time.Duration(a.Seconds * float64(time.Second)), begin: time.Now(), printed: -1,
		over: make(chan struct{}), renewed: make(chan struct{}),
	}
	t.work, t.stop = context.WithCancelCause(ctx)
	t.end = sync.OnceFunc(func() {
		close(t.over)
		t.stop(nil)
	})
	go t.renew(context.WithoutCancel(ctx)) // one that is to be given back is the worker's until then
	return t, nil
}

// renew reports in time, however long a step of the work takes.
func (t *Task) renew(ctx context.Context) {
	defer close(t.renewed)
	ticks := time.NewTicker(max(t.term/3, time.Millisecond))
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			_ = t.progress(ctx, Update{}) // the next may come through
		case <-t.over:
			return
		}
	}
}

// Report says how it goes. Errors: ErrCancelled, ErrLost, *RefusedError, context.Cause(ctx).
func (t *Task) Report(ctx context.Context, u Update) error {
	if err := t.progress(ctx, u); err != nil {
		return err
	}
	return cmp.Or(context.Cause(t.work), context.Cause(ctx)) //nolint:contextcheck // either may end
}

// maxPrinted is what one call may print, in bytes.
const maxPrinted = 64 << 10

// Output appends to what the task prints. It returns when the service has it. Errors:
// those of Report, ErrAway.
func (t *Task) Output(ctx context.Context, text string) error {
	t.printing.Lock()
	defer t.printing.Unlock()
	offset, err := t.printed, error(nil)
	t.printed = -1
	if offset < 0 { // an attempt before may have printed
		offset, err = t.appendText(ctx, "", "")
	}
	for rest := strings.ToValidUTF8(text, "\uFFFD"); rest != "" && err == nil; {
		end := min(len(rest), maxPrinted)
		for end < len(rest) && !utf8.RuneStart(rest[end]) {
			end--
		}
		offset, err = t.appendText(ctx, "&offset="+strconv.FormatInt(offset, 10), rest[:end])
		rest = rest[end:]
	}
	if err == nil {
		t.printed = offset
	}
	return err
}

// appendText returns where what is printed goes on.
func (t *Task) appendText(ctx context.Context, offset, text string) (next int64, err error) {
	status, answer := t.repeat(ctx, "output?lease="+url.QueryEscape(t.lease)+offset, []byte(text))
	var said struct {
		Offset int64 `json:"offset"`
	}
	if status == http.StatusOK && json.Unmarshal(answer, &said) == nil {
		return said.Offset, nil
	}
	if err = t.Report(ctx, Update{}); err != nil { // which says whether the task is still this worker's
		return 0, err
	}
	if again(status) {
		return 0, fmt.Errorf("%w: output: %s", ErrAway, words(answer))
	}
	return 0, &RefusedError{"output", words(answer)}
}

// repeat posts something about the task, and again while no answer comes, which does no
// harm.
func (t *Task) repeat(ctx context.Context, path string, body any) (status int, answer []byte) {
	for giveUp := time.Now().Add(t.term); ; pause(ctx, time.Second/2) {
		status, answer = t.service.post(ctx, "/api/tasks/"+t.ID+"/"+path, "", body)
		if !again(status) || ctx.Err() != nil || time.Now().After(giveUp) {
			return status, answer
		}
	}
}

func (t *Task) progress(ctx context.Context, u Update) error {
	status, answer := t.service.post(ctx, "/api/tasks/"+t.ID+"/progress", "", struct {
		Update

		Lease string `json:"lease"`
	}{u, t.lease})
	var said struct {
		CancelRequested bool `json:"cancel_requested"`
	}
	switch {
	case status == http.StatusOK && json.Unmarshal(answer, &said) == nil && said.CancelRequested:
		t.stop(ErrCancelled)
	case lost(status):
		t.stop(ErrLost)
	case status >= http.StatusBadRequest && !again(status):
		return &RefusedError{"progress", words(answer)}
	}
	return nil
}

func (t *Task) cancelled() bool { return errors.Is(context.Cause(t.work), ErrCancelled) }

// Complete ends the task, whether or not ctx has ended. If the service refuses the result,
// or it is no JSON, the task has failed with the words that say so. Errors: *RefusedError,
// ErrLost, ErrAway, those of json.Marshal.
func (t *Task) Complete(ctx context.Context, result any) error {
	text, err := json.Marshal(result)
	if err == nil {
		err = t.say(ctx, "complete", map[string]any{"result": json.RawMessage(text)}, "completed")
	}
	if _, refused := errors.AsType[*RefusedError](err); refused || text == nil {
		_ = t.Fail(ctx, Permanent(err)) // it is in the log
	}
	return err
}

// Fail ends the task as failed, or as cancelled if it was asked to stop. Errors: those of
// Complete.
func (t *Task) Fail(ctx context.Context, cause error) error {
	outcome := "failed: " + cause.Error()
	if t.cancelled() {
		outcome = "cancelled"
	}
	return t.say(ctx, "fail", map[string]any{"error": cause.Error(), "retry": !IsPermanent(cause)}, outcome)
}

// Release gives the task back: another worker may begin it at once, and no attempt is used
// up. Errors: those of Complete.
func (t *Task) Release(ctx context.Context) error {
	return t.say(ctx, "release", map[string]any{}, "given back")
}

// say says how the task ended.
func (t *Task) say(ctx context.Context, how string, body map[string]any, outcome string) error {
	ctx = context.WithoutCancel(ctx)
	body["lease"] = t.lease
	status, answer := t.repeat(ctx, how+"?lease="+url.QueryEscape(t.lease), body)
	err := answered(status, answer, how)
	if _, refused := errors.AsType[*RefusedError](err); refused && how == "complete" {
		return err // which is said instead
	}
	switch {
	case errors.Is(err, ErrLost) && how != "release":
		outcome = err.Error()
	case err != nil && !errors.Is(err, ErrLost):
		outcome += "; " + err.Error()
	}
	t.end()
	<-t.renewed
	t.service.Log.InfoContext(ctx, "task ended here", slog.String("type", t.Type), slog.String("task_id", t.ID),
		slog.Int("attempt", t.Attempt), slog.String("outcome", outcome), slog.Duration("after", time.Since(t.begin)))
	return err
}

// answered returns what the answer to a call about the task's end means.
func answered(status int, answer []byte, how string) error {
	switch {
	case lost(status):
		return ErrLost
	case again(status):
		return fmt.Errorf("%w: %s: %s", ErrAway, how, words(answer))
	case status >= http.StatusBadRequest:
		return &RefusedError{how, words(answer)}
	default:
		return nil
	}
}

// post returns the status and the body of an answer. Without one it is 503 and why. Bytes
// are sent as they are, anything else as JSON.
func (s *Service) post(ctx context.Context, path, key string, body any) (status int, answer []byte) {
	text, is := body.([]byte)
	var err error
	if !is {
		text, err = json.Marshal(body)
	}
	if err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	ctx, cancel := withTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+path, bytes.NewReader(text))
	if err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	request.Header.Set("Content-Type", "application/json")
	if s.Token != "" {
		request.Header.Set("Authorization", "Bearer "+s.Token)
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := cmp.Or(s.Client, http.DefaultClient).Do(request)
	if err != nil {
		return http.StatusServiceUnavailable, []byte(err.Error())
	}
	defer func() { _ = response.Body.Close() }()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return http.StatusServiceUnavailable, []byte(err.Error())
	}
	return response.StatusCode, answer
}

// withTimeout limits a context that has no deadline.
func withTimeout(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// again reports whether the same request may do better later.
func again(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests
}

// lost reports whether the task is not the caller's any more.
func lost(status int) bool { return status == http.StatusNotFound || status == http.StatusConflict }

// words takes the service's words out of an error's body; a proxy's page is cut.
func words(answer []byte) string {
	var body struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(answer, &body) == nil && body.Error.Message != "" {
		return body.Error.Message
	}
	return string(answer[:min(len(answer), 200)])
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
