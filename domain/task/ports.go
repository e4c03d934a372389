package task

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/cluster"
)

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/task.go -package=mocks -mock_names=Store=MockTaskStore,Handler=MockTaskHandler,Reporter=MockTaskReporter,Service=MockTaskService,Reader=MockTaskReader,Workers=MockTaskWorkers,Metrics=MockTaskMetrics

// What the store may say.
var (
	// ErrNotFound: no task has that ID.
	ErrNotFound = errors.New("task not found")
	// ErrConflict: the task was changed since it was read. Read it again and
	// decide anew.
	ErrConflict = errors.New("task was changed meanwhile")
	// ErrDuplicate: a task with that ID or Idempotency-Key exists.
	ErrDuplicate = errors.New("task exists already")
	// ErrTooLarge: the store cannot hold a task of that size. Nothing was changed.
	ErrTooLarge = errors.New("task is too large for the store")
	// ErrUnavailable: the store cannot be reached now, or takes nothing. It may have
	// taken the change all the same; another try may succeed.
	ErrUnavailable = errors.New("task store is unavailable")
	// ErrInvalidCursor: the cursor is not one that List returned.
	ErrInvalidCursor = errors.New("invalid cursor")
)

// What the service may say; the texts are fit for callers.
var (
	// ErrUnknownType: no handler is registered for the type.
	ErrUnknownType = errors.New("unknown task type")
	// ErrInvalidParams: the type's handler does not take these params.
	ErrInvalidParams = errors.New("invalid params")
	// ErrInvalidLabels: the labels are not as rule T16 has them, or too large.
	ErrInvalidLabels = errors.New("invalid labels")
	// ErrNotClaimable: tasks of the type are not run by workers elsewhere, so the caller
	// of a start cannot be their worker (rule T20).
	ErrNotClaimable = errors.New("tasks of this type are not run by workers elsewhere, so a start cannot claim them")
	// ErrInvalidRunAt: the time that the task is to run at is not one, or too far away.
	ErrInvalidRunAt = errors.New("invalid run_at")
	// ErrQueueFull: too many tasks wait. Try again later.
	ErrQueueFull = errors.New("the task queue is full")
	// ErrShuttingDown: no task is taken any more.
	ErrShuttingDown = errors.New("the service is shutting down")
	// ErrNotCancellable: the task has ended already.
	ErrNotCancellable = errors.New("the task has already ended")
	// ErrNoFilter: all tasks would be cancelled, which nobody is taken to want.
	ErrNoFilter = errors.New("say which tasks, by status, type, label or ids")
	// ErrNotFinished: the task has not ended yet, so it cannot be removed.
	ErrNotFinished = errors.New("the task has not ended yet")
	// ErrNoTask: no task came for the worker. Ask again.
	ErrNoTask = errors.New("there is no task for the worker")
	// ErrLeaseLost: the task is not, or no longer, the caller's. It must drop it;
	// nothing was changed.
	ErrLeaseLost = errors.New("the task is no longer leased to the caller")
)

// What a handler's context may have as its cause, and what a handler may
// return.
var (
	// ErrCancelled: the task's cancellation was asked for, or the service
	// shuts down. A handler that stops for it returns it, or any other error.
	ErrCancelled = errors.New("the task was cancelled")
	// ErrTimeLimit: the task ran longer than it may (rule T8).
	ErrTimeLimit = errors.New("the task exceeded its time limit")
)

// Request is what a task is started with.
type Request struct {
	Type   string
	Params json.RawMessage // nil is none
	Labels Labels
	// RunAt is when the task is to run, at most MaxAhead from now; what is past, and the
	// zero time, is at once.
	RunAt time.Time
	// Key is the Idempotency-Key; "" is none. Those of different owners never meet.
	Key string
	// Owner is the subject that starts the task; "" while authentication is off.
	Owner string
	// Audience is whom the task is for (rule A11). If it was left open the type decides,
	// and if that does not either it is everyone.
	Audience access.Choice
	// Followed adds the holders of tokens for this one task to its audience.
	Followed bool
	// Claim makes the caller the task's worker, of its first attempt (rule T20), and Worker
	// is its name then; "" is none.
	Claim  bool
	Worker string
}

// Query selects tasks. Its zero value selects all.
type Query struct {
	Status Status // "" for any
	Type   string // "" for any
	// Labels leaves out those that do not have all of these.
	Labels []Label
	// Owner leaves out those that other subjects have started; "" is any.
	Owner string
	// Viewer leaves out what it may not see, as if it were not there (rule A9); nil sees
	// everything.
	Viewer *access.Viewer
	// Unfinished leaves out those in a terminal state.
	Unfinished bool
	// Unsettled leaves out those of which nothing more is to come, and has those that were
	// removed, which no other list has: they are in a
	// terminal state and their last event was sent.
	Unsettled bool
	// Begun leaves out those that wait.
	Begun bool
	// IDs leaves out all others, and the page has them in this order, each once, without
	// Limit and Cursor; none is any.
	IDs []ID
	// Limit is the most that a page holds; 0 is no limit.
	Limit int
	// Cursor is what the page before returned; "" for the first.
	Cursor string
}

// Filters reports whether q selects by what tasks are, and not only by whose they are.
func (q Query) Filters() bool {
	return q.Status != "" || q.Type != "" || len(q.Labels) > 0 || len(q.IDs) > 0
}

// Retention says which finished tasks are kept (rule T9).
type Retention struct {
	// Age is how long a task is kept after its end.
	Age time.Duration
	// AgeOf has the ages of the types that have one of their own.
	AgeOf map[string]time.Duration
	// Count and Bytes bound how many are kept and how large they are together
	// (Task.Size); 0 is no bound. Those that ended first go first, and the newest
	// stays however large it is.
	Count, Bytes int
}

// AgeFor returns how long a finished task of the type is kept.
func (r Retention) AgeFor(typ string) time.Duration {
	if age, ok := r.AgeOf[typ]; ok {
		return age
	}
	return r.Age
}

// Store is the driven port to what is known of each task. It is safe for
// concurrent use, and what one call returned is what a later call of any caller
// sees, or newer. Every call but Watch may also return ErrUnavailable.
type Store interface { //nolint:interfacebloat // one kind of record: two ports would always go together
	// Create adds t and returns it with its revision. t's ID is one that no task ever
	// had: what was deleted is never created again. Errors: ErrDuplicate, with the
	// task that holds the ID or, among its owner's, the (non-empty) Idempotency-Key
	// already, ErrTooLarge,
	// ErrConflict when a task of that ID was deleted.
	Create(ctx context.Context, t Task) (Task, error)
	// Get returns one task. Errors: ErrNotFound.
	Get(ctx context.Context, id ID) (Task, error)
	// Known returns a task as this process has last seen or stored it, which may be older
	// than what is stored; false if it has it not at hand. It does not wait.
	Known(id ID) (t Task, ok bool)
	// ByKey returns the task of the owner that holds the (non-empty) Idempotency-Key.
	// Errors: ErrNotFound.
	ByKey(ctx context.Context, owner, idempotencyKey string) (Task, error)
	// Update stores t if the stored revision is still t.Revision, and returns it
	// with the new one. Errors: ErrNotFound, ErrConflict, ErrTooLarge.
	Update(ctx context.Context, t Task) (Task, error)
	// Settle says that the final events of tasks that a node has ended are published: of
	// those with FinalEventPending whose Node it is and whose revision is at most that.
	// They read as settled from then on, without either and with the revision that they
	// have; in Get and Known on other nodes perhaps a moment later.
	Settle(ctx context.Context, node cluster.Life, revision uint64) error
	// Delete removes t, which is as it was read, if the stored revision is still
	// t.Revision. Its Idempotency-Key is free again. Errors: ErrNotFound, ErrConflict.
	Delete(ctx context.Context, t Task) error
	// List returns a page of tasks, newest first, and the cursor of the next one,
	// or "". A task that is there throughout is on exactly one page. With a limit, what
	// one call looks at is bounded: a page that is followed by another may be short, or
	// empty. Errors: ErrInvalidCursor.
	List(ctx context.Context, q Query) (page []Task, next string, err error)
	// Expired returns the finished tasks that r does not keep, the one that ended
	// first first. The age of a task is the time since the store took its end,
	// measured by one clock of the store's own: what Task.Ended says does not matter,
	// for the clocks of nodes differ. What a call costs depends on how many it
	// returns, not on how many are kept.
	Expired(ctx context.Context, r Retention) ([]Task, error)
	// Outlives reports whether what is stored outlives this process, and may be
	// changed by other nodes.
	Outlives() bool
	// Age returns about how long ago the store took t as it is, measured like the ages
	// of Expired; 0 when it is not known. It does not wait.
	Age(t Task) time.Duration
	// Watch has changed called with every task that is created or updated from
	// now on, as it is stored then or later, until stop is called. Calls come one at a
	// time and those for one task in the order of its changes, soon after them; one
	// may come twice. changed must not block or call the store.
	Watch(changed func(Task)) (stop func())
}

// Handler is the driven port to what a task of one type does: Go code, a
// command, a worker elsewhere. It is safe for concurrent use.
type Handler interface {
	// Check says whether Run would take params (nil when there are none). Errors:
	// ErrInvalidParams, with a text that is fit for the caller.
	Check(params json.RawMessage) error
	// Run does the work and returns its result: one JSON value, or nil for null.
	// When ctx ends it stops soon and returns an error; context.Cause says why. An
	// error's text is shown to users. It keeps nothing of report after it returned.
	// FromContext(ctx) says which task it is.
	Run(ctx context.Context, params json.RawMessage, report Reporter) (json.RawMessage, error)
}

// Reporter takes a running task's progress. It never blocks on I/O, is safe for
// concurrent use, and does nothing once the task has ended.
type Reporter interface {
	// Report sets both; Text and Value set one, and the other keeps its last value.
	// A value outside 0–1 is clamped, one lower than the last raised to it, NaN
	// ignored (rule T4). Over-long texts are cut.
	Report(text string, value float64)
	Text(text string)
	Value(value float64)
	// Update sets what u has (see Progress.With).
	Update(u Update)
}

// Service is the driving port that changes tasks. It is safe for concurrent use.
type Service interface {
	// Start queues a task, or lets it wait for its time (rule T19), and returns it. With a
	// key that its owner used before it returns that first task and starts none (rule T14).
	//
	// With Claim the task takes no place in the queue: it is running, and leased to the
	// caller, which goes on as one that has called Workers.Claim; Term of the returned task
	// is not 0 then. With a key that was used before, the caller gets the lease again if the
	// attempt that it began with that key still goes on, and else no lease.
	// Errors: ErrUnknownType, ErrInvalidParams, ErrInvalidLabels, ErrInvalidRunAt, also for a
	// time to come with Claim, ErrNotClaimable, ErrQueueFull, ErrShuttingDown.
	Start(ctx context.Context, r Request) (Task, error)
	// Cancel ends a pending task, and asks a running one to stop (rule T7).
	// Errors: ErrNotFound, ErrNotCancellable.
	Cancel(ctx context.Context, id ID) (Task, error)
	// CancelAll is Cancel for all unfinished tasks that q selects when it is called, and
	// returns how many these were; Limit and Cursor do not count. After an error some are
	// cancelled, and calling again cancels the rest. Errors: ErrNoFilter if q selects by
	// none of Status, Type, Labels and IDs, ErrUnavailable, ctx.Err() while another call
	// is under way.
	CancelAll(ctx context.Context, q Query) (cancelled int, err error)
	// Remove deletes a finished task. Errors: ErrNotFound, ErrNotFinished.
	Remove(ctx context.Context, id ID) error
}

// Workers is the driving port for workers outside, each of which claims tasks,
// one at a time or several, and says how they go. It is safe for concurrent use.
type Workers interface {
	// Claim begins a pending task of one of the types and leases it to the caller:
	// of the highest priority, and of those the oldest. It waits until there is one,
	// or ctx ends; then no task is begun. worker is the caller's name, which the task's
	// status shows; "" is none. Errors: ErrUnknownType when workers outside
	// run none of the types, ErrNoTask, ErrShuttingDown.
	Claim(ctx context.Context, types []string, worker string) (Claim, error)
	// Progress renews the lease and reports u, which may be empty. It says whether
	// the worker is to stop (rule T7). Errors: ErrNotFound, ErrLeaseLost.
	Progress(ctx context.Context, id ID, lease Lease, u Update) (cancelRequested bool, err error)
	// Complete ends the task with its result: one JSON value, or nil for null. When
	// it returns nil the record is terminal. Calling it again then changes nothing
	// and returns nil, so it may be repeated when no answer came. Errors:
	// ErrNotFound, ErrLeaseLost, ErrTooLarge when the task has failed because its
	// result cannot be stored, ErrUnavailable when the end is known but could not be
	// recorded yet: it will be, and calling again says when. ctx.Err().
	Complete(ctx context.Context, id ID, lease Lease, result json.RawMessage) error
	// Fail is Complete for an attempt that failed: the task has failed, or waits for the
	// next attempt (rule T18); calling it again while it waits changes nothing. If it
	// stopped because its cancellation was asked for, it is cancelled (rule T7). A Code that
	// is not valid counts as none, and what is "" is made up.
	Fail(ctx context.Context, id ID, lease Lease, f Failure) error
	// Release gives the task back: when it returns nil the task is pending again, of the
	// same attempt, with the progress that it had, and may be claimed at once; or it is
	// cancelled, if its cancellation was asked for. Calling it again is ErrLeaseLost when the
	// task is pending. Errors: those of Fail.
	Release(ctx context.Context, id ID, lease Lease) error
}

// Reader is the driving port that only looks. It is safe for concurrent use.
type Reader interface {
	// Get returns one task, without params that its type hides (Task.ParamsHidden), which
	// List leaves out as well. Errors: ErrNotFound.
	Get(ctx context.Context, id ID) (Task, error)
	// List returns a page of tasks, without the results that are larger than an
	// event may be (Task.Truncated). A page that is followed by another is full, unless
	// very many tasks that q does not select are between. Errors: ErrInvalidCursor.
	List(ctx context.Context, q Query) (page []Task, next string, err error)
	// Types returns what can be started, by name.
	Types(ctx context.Context) ([]Type, error)
}

// Metrics is the driven port for what only the service sees.
type Metrics interface {
	// Ended counts a task by its outcome, a terminal status, and observes how long
	// it ran; 0 for one that never ran.
	Ended(typ string, outcome Status, ran time.Duration)
	// LeaseLost counts a worker outside that did not report for too long.
	LeaseLost(typ string)
	// Retried counts an attempt that ended and is followed by another (rule T18).
	Retried(typ string)
	// Shutdown records how many tasks ran when shutdown began (rule T15).
	Shutdown(active int)
}
