package overview_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/memquestions"
	allnodes "heliograph/application/overview"
	"heliograph/domain/cluster"
	"heliograph/domain/overview"
	"heliograph/domain/task"
	"heliograph/test/mocks"
)

// fixture is the Service of node "one", which knows the mocks.
type fixture struct {
	*allnodes.Service
	roll   *mocks.MockRoll
	tasks  *mocks.MockTaskOverview
	reader *mocks.MockTaskReader
}

func fresh(t *testing.T, questions cluster.Questions) *fixture {
	t.Helper()
	ctrl := gomock.NewController(t)
	f := &fixture{roll: mocks.NewMockRoll(ctrl), tasks: mocks.NewMockTaskOverview(ctrl), reader: mocks.NewMockTaskReader(ctrl)}
	f.Service = allnodes.New(allnodes.Deps{
		Self: "one", Roll: f.roll, Questions: questions, Tasks: f.tasks, Reader: f.reader,
		Ready: func() bool { return true }, Connections: func() int { return 7 },
	})
	return f
}

// alone is the one node.
func alone() cluster.Questions { return memquestions.New("one", slog.New(slog.DiscardHandler)) }

func TestANodeThatDoesNotAnswerIsToldOfAndNamed(t *testing.T) { // W7, W8
	f := fresh(t, alone())
	f.tasks.EXPECT().Queue().Return(task.QueueFigures{Running: 3})
	f.roll.EXPECT().Signs().Return([]cluster.Sign{
		{Identity: cluster.Identity{Node: "one"}, Alive: true}, {Identity: cluster.Identity{Node: "two"}, Age: time.Minute},
	})
	all, err := f.Nodes(t.Context())
	if err != nil || len(all.Nodes) != 2 || !all.Nodes[0].This || *all.Nodes[0].Load != (overview.Load{Ready: true, Connections: 7, Running: 3}) {
		t.Errorf("%+v, %v", all, err)
	}
	if two := all.Nodes[1]; two.This || two.Load != nil || two.Age != time.Minute {
		t.Errorf("%+v", two)
	}
	if q, err := f.Queue(t.Context(), "two"); err != nil || !slices.Equal(q.Missing, []string{"two"}) || len(q.ByNode) != 0 {
		t.Errorf("of the other node: %+v, %v", q, err)
	}
}

func TestFiguresOfNodesAreAddedUpUnlessAllKnowTheSame(t *testing.T) { // W7
	nodes := mocks.NewMockQuestions(gomock.NewController(t))
	nodes.EXPECT().Answer(gomock.Any(), gomock.Any()).AnyTimes()
	f := fresh(t, nodes)
	nodes.EXPECT().Ask(gomock.Any(), "queue", gomock.Any()).Return(texts(t, map[string]any{
		"one": task.QueueFigures{Waiting: 5, Limit: 9, Scheduled: 2, ScheduledLimit: 8, Running: 1, Workers: 4, Refused: 1},
		"two": task.QueueFigures{Waiting: 4, Limit: 9, Scheduled: 3, ScheduledLimit: 8, Running: 2, Workers: 4, Refused: 2},
	}), []string{"three"}, nil)
	q, err := f.Queue(t.Context(), "")
	want := task.QueueFigures{Waiting: 5, Limit: 9, Scheduled: 3, ScheduledLimit: 8, Running: 3, Workers: 8, Refused: 3}
	if err != nil || q.All != want || len(q.ByNode) != 2 || !slices.Equal(q.Missing, []string{"three"}) {
		t.Errorf("%+v, %v", q, err)
	}

	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	nodes.EXPECT().Ask(gomock.Any(), "task types", gomock.Any()).Return(texts(t, map[string]any{
		"one": []task.TypeFigures{{Type: "b", RunBy: task.RunnerWorker, Waiting: 1, Running: 1, ClaimsWaiting: 1, Claimed: at}},
		"two": []task.TypeFigures{{Type: "b", RunBy: task.RunnerWorker, Waiting: 2, Running: 1, ClaimsWaiting: 1}, {Type: "a", RunBy: task.RunnerGo}},
	}), nil, nil)
	nodes.EXPECT().Ask(gomock.Any(), "leases", gomock.Any(), "one", "two").Return(texts(t, map[string]any{
		"one": map[task.ID]task.LeaseSign{"1": {Last: at, Term: time.Second}},
	}), []string{"two"}, nil)
	f.reader.EXPECT().List(gomock.Any(), task.Query{Status: task.Running, Limit: 9}).Return([]task.Task{
		{ID: "1", Type: "b", RunsOn: "one", Worker: "w", Attempt: 2, Started: at}, {ID: "2", Type: "a", RunsOn: "one"}, {ID: "3", Type: "b", RunsOn: "two"},
	}, "", nil)
	all, err := f.Workers(t.Context(), overview.Query{Limit: 9})
	types := []task.TypeFigures{{Type: "a", RunBy: task.RunnerGo}, {Type: "b", RunBy: task.RunnerWorker, Waiting: 2, Running: 2, ClaimsWaiting: 2, Claimed: at}}
	if err != nil || !slices.Equal(all.Types, types) || len(all.Leases) != 2 || !slices.Equal(all.Missing, []string{"two"}) {
		t.Fatalf("%+v, %v", all, err)
	}
	if l := all.Leases[0]; l.ID != "1" || l.Worker != "w" || l.Attempt != 2 || l.Node != "one" || !l.Since.Equal(at) || l.Sign == nil || !l.Sign.Last.Equal(at) {
		t.Errorf("%+v", l)
	}
	if l := all.Leases[1]; l.ID != "3" || l.Sign != nil {
		t.Errorf("%+v", l)
	}
}

func TestAPageOfLeasesIsBoundedAndSoIsLookingForThem(t *testing.T) { // W8
	f := fresh(t, alone())
	f.tasks.EXPECT().Types().Return([]task.TypeFigures{{Type: "out", RunBy: task.RunnerWorker}}).AnyTimes()
	f.tasks.EXPECT().Sign(gomock.Any()).Return(task.LeaseSign{}, false).AnyTimes()
	list := func(after string, limit int, next string, types ...string) {
		page := make([]task.Task, len(types))
		for i, typ := range types {
			page[i] = task.Task{ID: task.ID(fmt.Sprintf("%s%d", after, i)), Type: typ, RunsOn: "one"}
		}
		f.reader.EXPECT().List(gomock.Any(), task.Query{Status: task.Running, Limit: limit, Cursor: after}).Return(page, next, nil)
	}
	list("", 2, "b", "in", "out") // one goes on where the last page that was read has ended
	list("b", 1, "c", "out")
	if all, err := f.Workers(t.Context(), overview.Query{Limit: 2}); err != nil || len(all.Leases) != 2 || all.Next != "c" {
		t.Errorf("%+v, %v", all, err)
	}
	f.reader.EXPECT().List(gomock.Any(), gomock.Any()).Return([]task.Task{{Type: "in"}}, "more", nil).Times(20)
	if all, err := f.Workers(t.Context(), overview.Query{Limit: 2}); err != nil || len(all.Leases) != 0 || all.Next != "more" {
		t.Errorf("%+v, %v", all, err)
	}
	f.reader.EXPECT().List(gomock.Any(), gomock.Any()).Return(nil, "", task.ErrInvalidCursor)
	if _, err := f.Workers(t.Context(), overview.Query{Limit: 2, After: "x"}); err == nil {
		t.Error("a cursor that is none was taken")
	}
}

// texts are answers as nodes send them.
func texts(t *testing.T, answers map[string]any) map[string]json.RawMessage {
	t.Helper()
	all := map[string]json.RawMessage{}
	for node, answer := range answers {
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		all[node] = text
	}
	return all
}
