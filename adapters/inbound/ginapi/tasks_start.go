package ginapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/adapters/http/paths"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/task"
)

const wantTask = `the body must be an object with a non-empty string "type" and, if wanted, an object "params", an object "labels", an "audience", "run_at" (a time such as 2026-01-02T15:04:05Z) or a number "delay" (seconds), a boolean "claim" with a string "worker", and "follow": "read" or "cancel"`

// startBody is the body of a start.
type startBody struct {
	Type     string          `json:"type"`
	Params   json.RawMessage `json:"params"`
	Labels   json.RawMessage `json:"labels"`
	Audience json.RawMessage `json:"audience"`
	Follow   *follow         `json:"follow"`
	Claim    bool            `json:"claim"`
	RunAt    *string         `json:"run_at"`
	Delay    *float64        `json:"delay"` // seconds
	Worker   string          `json:"worker"`
}

// follow is what the holder of a token for the one task may do.
type follow string

// The values of follow.
const (
	followRead   follow = "read"
	followCancel follow = "cancel"
)

// request returns the body as the service takes it. Errors: *ginjson.Error,
// access.ErrInvalidAudience, task.ErrInvalidParams, task.ErrInvalidLabels,
// task.ErrInvalidRunAt.
func (b startBody) request(key string) (r task.Request, err error) {
	badFollow := b.Follow != nil && *b.Follow != followRead && *b.Follow != followCancel
	if b.Type == "" || badFollow || !task.ValidWorker(b.Worker) || b.Worker != "" && !b.Claim {
		return r, ginjson.InvalidPayload(wantTask)
	}
	r = task.Request{Type: b.Type, Key: key, Followed: b.Follow != nil, Claim: b.Claim, Worker: b.Worker}
	if r.Params, err = objectParams(b.Params); err != nil {
		return r, err
	}
	if r.Labels, err = parseLabels(b.Labels); err != nil {
		return r, err
	}
	if b.Claim && (b.RunAt != nil || b.Delay != nil) {
		return r, fmt.Errorf("%w: a task that its starter claims runs at once, so it has neither run_at nor delay", task.ErrInvalidRunAt)
	}
	if r.RunAt, err = parseRunAt(b.RunAt, b.Delay, time.Now()); err != nil {
		return r, err
	}
	r.Audience, err = parseAudience(b.Audience)
	return r, err
}

// parseAudience returns what a body says of whom something is for; null and nothing leave
// it open. Errors: access.ErrInvalidAudience.
func parseAudience(given json.RawMessage) (choice access.Choice, err error) {
	if choice.Given = len(given) > 0 && string(given) != "null"; choice.Given {
		choice.Audience, err = connection.ParseAudience(given)
	}
	return choice, err
}

// objectParams returns params, which must be a JSON object; null and nothing mean no
// params. Errors: task.ErrInvalidParams.
func objectParams(params json.RawMessage) (json.RawMessage, error) {
	switch {
	case string(params) == "null":
		return nil, nil
	case len(params) > 0 && params[0] != '{':
		return nil, fmt.Errorf("%w: they must be an object", task.ErrInvalidParams)
	default:
		return params, nil
	}
}

func (a *API) startTask(c *gin.Context) error {
	var body startBody
	if err := decode(c, &body, wantTask); err != nil {
		return err
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	r, err := body.request(key)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	t, err := a.deps.Tasks.Start(ctx, r)
	if err != nil {
		return err
	}
	answer := startAnswer{ID: t.ID, Status: t.Status, StreamURL: paths.Stream + "?request_id=" + string(t.ID)}
	if r.Followed && access.FromContext(ctx) != nil { // without authentication nobody needs a token
		token, err := a.deps.Access.TaskToken(ctx, string(t.ID), *body.Follow == followCancel)
		if err != nil {
			return fmt.Errorf("make a token for task %s: %w", t.ID, err)
		}
		answer.FollowToken = token
	}
	if t.Term > 0 {
		answer.Lease, answer.LeaseSeconds = t.Lease, t.Term.Seconds()
	}
	if answer.FollowToken != "" || answer.Lease != "" {
		c.Header("Cache-Control", "no-store")
	}
	return reply(c, http.StatusAccepted, answer)
}

// startAnswer is the answer to a start.
type startAnswer struct {
	ID          task.ID     `json:"task_id"`
	Status      task.Status `json:"status"`
	StreamURL   string      `json:"stream_url"`
	FollowToken string      `json:"follow_token,omitempty"`
	// What the caller has to show as the task's worker, if it is (rule T20).
	Lease        task.Lease `json:"lease,omitempty"`
	LeaseSeconds float64    `json:"lease_seconds,omitempty"`
}

// idempotencyKey returns the header's value, or "" without one (rule T14).
func idempotencyKey(c *gin.Context) (string, error) {
	key := c.GetHeader("Idempotency-Key")
	if len(key) > task.MaxKeyBytes {
		return "", &ginjson.Error{
			Status: http.StatusBadRequest, Code: "INVALID_IDEMPOTENCY_KEY",
			Message: fmt.Sprintf("the Idempotency-Key is longer than %d bytes", task.MaxKeyBytes),
		}
	}
	return key, nil
}
