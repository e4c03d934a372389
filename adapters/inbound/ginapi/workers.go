package ginapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/paths"
	"heliograph/domain/task"
)

// claimPath is where external workers wait for tasks.
const claimPath = "/api/workers/claim"

const (
	// defaultWait is how long a claim waits: less than the 30 s after which many
	// clients and proxies give up.
	defaultWait = 20 * time.Second
	// maxWait is as long as the usual time-out of a proxy.
	maxWait = 60 * time.Second
	// minWait is the least time that a claim gets, so that one with "wait": 0 can
	// still be given a task that is there.
	minWait = 100 * time.Millisecond
	// maxResult bounds the body that completes a task, in bytes, if it shows its
	// lease in time (checkLease). What is larger is for a store of files, and the
	// result is where it is.
	maxResult = 16 << 20
)

const wantClaim = `the body must be an object with a non-empty list of strings "types" and, if wanted, a number "wait" from 0 to 60 seconds and a string "worker" of at most 128 bytes`

// claimed is the JSON of a task for a worker.
type claimed struct {
	TaskID       task.ID         `json:"task_id"`
	Type         string          `json:"type"`
	Params       json.RawMessage `json:"params"`
	Labels       task.Labels     `json:"labels"`
	Attempt      int             `json:"attempt"`
	Lease        task.Lease      `json:"lease"`
	LeaseSeconds float64         `json:"lease_seconds"`
}

// workers holds the handlers for workers elsewhere. It is safe for concurrent use.
type workers struct {
	tasks  task.Workers
	leased LeasedReader
}

// register adds the routes to r, which is the root.
func (w *workers) register(r gin.IRouter, log *slog.Logger) {
	r.POST(claimPath, handle(log, w.claimTask))
	r.POST(paths.Tasks+"/:id/progress", handle(log, byID(w.reportProgress)))
	r.POST(paths.Tasks+"/:id/complete", handle(log, byID(w.completeTask)))
	r.POST(paths.Tasks+"/:id/fail", handle(log, byID(w.failTask)))
	r.POST(paths.Tasks+"/:id/release", handle(log, byID(w.releaseTask)))
}

func (w *workers) claimTask(c *gin.Context) error {
	types, worker, wait, err := readClaim(c)
	if err != nil {
		return err
	}
	keepReading(c)
	ctx, cancel := context.WithTimeout(c.Request.Context(), wait)
	defer cancel()
	claim, err := w.tasks.Claim(ctx, types, worker)
	if errors.Is(err, task.ErrNoTask) {
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
		return nil
	}
	if err != nil {
		return err
	}
	t := claim.Task
	return reply(c, http.StatusOK, claimed{t.ID, t.Type, t.Params, t.Labels.OrEmpty(), t.Attempt, claim.Lease, claim.Term.Seconds()})
}

func readClaim(c *gin.Context) (types []string, worker string, wait time.Duration, err error) {
	var body struct {
		Types  []string `json:"types"`
		Wait   *float64 `json:"wait"` // seconds
		Worker string   `json:"worker"`
	}
	if err := decode(c, &body, wantClaim); err != nil {
		return nil, "", 0, err
	}
	seconds := defaultWait.Seconds()
	if body.Wait != nil {
		seconds = *body.Wait
	}
	if len(body.Types) == 0 || seconds < 0 || seconds > maxWait.Seconds() || !task.ValidWorker(body.Worker) {
		return nil, "", 0, ginjson.InvalidPayload(wantClaim)
	}
	return body.Types, body.Worker, max(minWait, time.Duration(seconds*float64(time.Second))), nil
}

const wantLease = `the body must be an object with a non-empty string "lease", `

func (w *workers) reportProgress(c *gin.Context, id task.ID) error {
	const want = wantLease + `and, if wanted, strings "text" and "unit", numbers "value", "done" and "total", and whole numbers "stage" and "stages"`
	var body struct {
		Lease task.Lease `json:"lease"`
		task.Update
	}
	if err := decode(c, &body, want); err != nil {
		return err
	}
	if body.Lease == "" {
		return ginjson.InvalidPayload(want)
	}
	cancelRequested, err := w.tasks.Progress(c.Request.Context(), id, body.Lease, body.Update)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]bool{"cancel_requested": cancelRequested})
}

func (w *workers) completeTask(c *gin.Context, id task.ID) error {
	const want = wantLease + `unless it is in the query, and, if wanted, any "result"`
	lease, limit, err := w.checkLease(c, id)
	if err != nil {
		return err
	}
	text, err := ginjson.ReadUpTo(c, limit)
	if err != nil {
		return err
	}
	body := struct {
		Lease  task.Lease      `json:"lease"`
		Result json.RawMessage `json:"result"`
	}{Lease: lease}
	if err := ginjson.Decode(text, &body); err != nil || body.Lease == "" || lease != "" && body.Lease != lease {
		return ginjson.InvalidPayload(want)
	}
	if string(body.Result) == "null" {
		body.Result = nil
	}
	if err := w.tasks.Complete(c.Request.Context(), id, body.Lease, body.Result); err != nil {
		return err
	}
	return reply(c, http.StatusOK, done{true, "the task is completed"})
}

// checkLease returns the lease that a request shows before its body: in the query,
// or as the first field of a body that is large; "" if it shows none. A body may be
// large only if the lease is the task's, or was, as when an answer was lost and the
// worker asks again. Errors: task.ErrNotFound, task.ErrLeaseLost.
func (w *workers) checkLease(c *gin.Context, id task.ID) (lease task.Lease, limit int64, err error) {
	if lease = task.Lease(c.Query("lease")); lease == "" && mayBeLarge(c.Request) {
		lease = leadingLease(c.Request)
	}
	if lease == "" {
		return "", ginjson.MaxBody, nil
	}
	t, err := w.leased.Get(c.Request.Context(), id)
	if err != nil {
		return "", 0, err
	}
	if t.Lease != lease {
		return "", 0, task.ErrLeaseLost
	}
	return lease, maxResult, nil
}

func mayBeLarge(r *http.Request) bool {
	return r.ContentLength < 0 || r.ContentLength > ginjson.MaxBody // negative: it does not say
}

// leadingLease returns the lease if the body begins with it, and leaves the body
// as it was.
func leadingLease(r *http.Request) task.Lease {
	const room = 512 // bytes, for a lease of any kind and some white space
	body := bufio.NewReaderSize(r.Body, room)
	begin, _ := body.Peek(room) // a shorter body has less
	r.Body = struct {
		io.Reader
		io.Closer
	}{body, r.Body}
	fields := json.NewDecoder(bytes.NewReader(begin))
	for _, want := range []json.Token{json.Delim('{'), "lease"} {
		if got, err := fields.Token(); err != nil || got != want {
			return ""
		}
	}
	lease, _ := fields.Token() // what is no text is none
	text, _ := lease.(string)
	return task.Lease(text)
}

func (w *workers) failTask(c *gin.Context, id task.ID) error {
	const want = wantLease + `a non-empty string "error" and, if wanted, a string "code" of 1 to 64 of A-Z, a-z, 0-9, ".", "_" and "-", and a boolean "retry"`
	var body struct {
		Lease task.Lease `json:"lease"`
		task.Failure

		Retry *bool `json:"retry"`
	}
	if err := decode(c, &body, want); err != nil {
		return err
	}
	if body.Lease == "" || body.Error == "" || body.Code != "" && !task.ValidCode(body.Code) {
		return ginjson.InvalidPayload(want)
	}
	body.Final = body.Retry != nil && !*body.Retry
	if err := w.tasks.Fail(c.Request.Context(), id, body.Lease, body.Failure); err != nil {
		return err
	}
	return reply(c, http.StatusOK, done{true, "the attempt has ended"})
}

func (w *workers) releaseTask(c *gin.Context, id task.ID) error {
	const want = `the body must be an object with a non-empty string "lease"`
	var body struct {
		Lease task.Lease `json:"lease"`
	}
	if err := decode(c, &body, want); err != nil {
		return err
	}
	if body.Lease == "" {
		return ginjson.InvalidPayload(want)
	}
	if err := w.tasks.Release(c.Request.Context(), id, body.Lease); err != nil {
		return err
	}
	return reply(c, http.StatusOK, done{true, "the task is no longer the worker's"})
}
