// Package taskstorecontract says what every task.Store must do.
package taskstorecontract

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// Subject is what is tested: an empty store.
type Subject struct {
	Store task.Store
}

// Run proves the contract. Each call of fresh returns a Subject of its own.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for name, prove := range sentences {
		t.Run(name, func(t *testing.T) { prove(t, fixture{t: t, store: fresh(t).Store}) })
	}
}

var sentences = map[string]func(*testing.T, fixture){
	"Create returns the task with a revision and Get finds it":               createThenGet,
	"what is stored is everything that was given":                            everyField,
	"a task that waits for its time is kept like any other":                  scheduled, // T19
	"Create with an ID that exists returns its task":                         duplicateID,
	"Create with a key that exists returns the first task":                   duplicateKey, // T14
	"of many that Create with one key exactly one wins":                      createRace,   // T14
	"no key is no duplicate":                                                 noKey,
	"Settle settles what a node has ended up to a revision":                  settle, // T11
	"what is settled can be changed and deleted as it reads":                 settledChanges,
	"what is Known is what was stored here last":                             known,
	"Get of an unknown ID is ErrNotFound":                                    getUnknown,
	"ByKey finds the task that holds the key, as it is":                      byKey,        // T14
	"ByKey of an unused key is ErrNotFound":                                  byKeyUnknown, // T14
	"Update changes the task and its revision":                               update,
	"Update with an old revision is ErrConflict and changes nothing":         updateConflict,
	"Update of an unknown task is ErrNotFound":                               updateUnknown,
	"of many that Update one revision exactly one wins":                      updateRace,
	"concurrent updates with retries all succeed":                            updateRetried,
	"Delete removes the task":                                                deleteRemoves,
	"Delete with an old revision is ErrConflict and removes nothing":         deleteConflict,
	"Delete of an unknown task is ErrNotFound":                               deleteUnknown,
	"Delete frees the key":                                                   deleteFreesKey,
	"Create beside Delete never brings the deleted task back":                createBesideDelete, // T11, T14
	"a deleted task cannot be changed or deleted again":                      revisionOfDeleted,
	"Watch reports every change in its order until it is stopped":            watch,
	"List of an empty store is one empty page":                               listEmpty,
	"List returns the newest first":                                          listOrder,
	"List orders tasks of the same moment the same way every time":           listSameMoment,
	"List selects by status":                                                 listStatus,
	"List selects by type":                                                   listType,
	"List selects by owner":                                                  listOwner,
	"List selects what is unfinished":                                        listUnfinished, // T13
	"List selects what is not settled":                                       listUnsettled,
	"Age is the time since a task was stored as it is, by the store's clock": age,
	"Expired returns nothing that is to be kept":                             expiredNothing,       // T9
	"Expired returns what is too old by the store's clock":                   expiredByAge,         // T9
	"Expired knows an age of a type's own":                                   expiredByType,        // T9
	"Expired returns what ended first of what is too much":                   expiredByCount,       // T9
	"Expired returns what ended first of what is too large":                  expiredByBytes,       // T9
	"Expired returns a task that has ended until it is deleted":              expiredUntilDeleted,  // T9
	"the keys of different owners never meet":                                keysOfOwners,         // T14
	"List shows a viewer what is for it, as if nothing else were there":      listForViewers,       // A9, A12
	"pages of a viewer are as if nothing else were there":                    pagesOfViewer,        // A9
	"List shows a viewer what became of its tasks":                           listChangesForViewer, // A12
	"List has what somebody has removed only with what is not settled":       listRemoved,          // T9
	"List selects by labels, all of which must hold":                         listLabels,           // T16
	"pages count only what has the labels":                                   pagesOfLabels,        // T16
	"List of IDs is those that are there and selected, in that order":        listIDs,              // T17
	"List selects by everything at once":                                     listCombined,
	"List shows a change as soon as Update returned":                         listAfterUpdate,
	"pages hold at most Limit tasks and together all":                        pages,
	"the last page has no cursor even when it is full":                       lastPage,
	"pages count only what is selected":                                      pagesSelected,
	"a task that is there throughout is on exactly one page":                 pagesWhileChanging,
	"a cursor outlives the task at its place":                                cursorOfDeleted,
	"List refuses a cursor that is none":                                     badCursor,
}

// epoch is when the first task of a test was created. Its odd nanoseconds show
// whether a store keeps them.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// fixture is a store with the steps that must not fail.
type fixture struct {
	t     *testing.T
	store task.Store
}

// pending returns the nth task: pending, created n seconds after epoch.
func pending(n int) task.Task {
	return task.Task{
		ID: task.ID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n)), Type: "demo",
		Status: task.Pending, Attempt: 1, Created: epoch.Add(time.Duration(n) * time.Second),
	}
}

func (f fixture) create(tasks ...task.Task) (stored []task.Task) {
	f.t.Helper()
	for _, t := range tasks {
		s, err := f.store.Create(f.t.Context(), t)
		if err != nil {
			f.t.Fatalf("create %s: %v", t.ID, err)
		}
		stored = append(stored, s)
	}
	return stored
}

func (f fixture) createOne(t task.Task) task.Task {
	f.t.Helper()
	return f.create(t)[0]
}

func (f fixture) update(t task.Task, change func(*task.Task)) task.Task {
	f.t.Helper()
	change(&t)
	stored, err := f.store.Update(f.t.Context(), t)
	if err != nil {
		f.t.Fatalf("update %s: %v", t.ID, err)
	}
	return stored
}

func (f fixture) get(id task.ID) task.Task {
	f.t.Helper()
	t, err := f.store.Get(f.t.Context(), id)
	if err != nil {
		f.t.Fatalf("get %s: %v", id, err)
	}
	return t
}

// want checks that the store holds exactly this under its ID.
func (f fixture) want(t task.Task) {
	f.t.Helper()
	if diff := cmp.Diff(t, f.get(t.ID)); diff != "" {
		f.t.Errorf("stored task (-want +got):\n%s", diff)
	}
}

func (f fixture) wantError(got, want error) {
	f.t.Helper()
	if !errors.Is(got, want) {
		f.t.Errorf("error is %v, want %v", got, want)
	}
}

// finish makes t completed at its nth second after epoch.
func finish(seconds int) func(*task.Task) {
	return func(t *task.Task) {
		t.Status, t.Ended = task.Completed, epoch.Add(time.Duration(seconds)*time.Second)
	}
}

// full returns a task with every field set but the revision.
func full() task.Task {
	t := pending(1)
	t.Params, t.IdempotencyKey = json.RawMessage(`{"a":1}`), "key"
	t.Status, t.CancelRequested = task.Failed, true
	t.Started, t.Ended = t.Created.Add(time.Second), t.Created.Add(time.Minute)
	t.Result, t.Error, t.ErrorCode = json.RawMessage(`[1]`), "it broke", "BROKEN"
	t.RunsOn, t.Worker = "node", "resizer"
	t.Progress = task.Progress{Text: "half", Value: 0.5, Stage: 1, Stages: 2, Done: 3.5, Total: 7, Unit: "files"}
	t.Seq, t.CancelSeq, t.Attempt, t.Removed = 7, 6, 2, true
	t.Node, t.OwnerGeneration, t.FinalEventPending = "node/life", 3, true
	t.Ran, t.Reports, t.Relayed = time.Minute, 5, []task.Relayed{{Number: 5, Update: task.Update{Text: new("half")}}}
	t.Lease, t.NotBefore = "lease", t.Created.Add(time.Hour)
	t.Labels, t.RunAt = task.Labels{"page": "<exports>", "order": ""}, t.Created.Add(time.Minute)
	t.Owner, t.Audience = "ann", &access.Audience{Subjects: []string{"ann"}, Roles: []string{"staff"}, RequestIDs: []string{"tab-1"}}
	return t
}
