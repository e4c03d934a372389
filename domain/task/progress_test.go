package task_test

import (
	"encoding/json"
	"math"
	"testing"

	"heliograph/domain/task"
)

func TestProgressAfterAnUpdate(t *testing.T) { // T4
	t.Parallel()
	for name, c := range map[string]struct {
		before task.Progress
		update string
		want   string
	}{
		"what is not given stays":         {task.Progress{Text: "a", Value: .5, Unit: "x"}, `{}`, `{"text":"a","value":0.5,"unit":"x"}`},
		"a value counts as it is":         {task.Progress{}, `{"value":0.25,"done":1,"total":2}`, `{"text":"","value":0.25,"done":1,"total":2}`},
		"a value never falls":             {task.Progress{Value: .5}, `{"value":0.25}`, `{"text":"","value":0.5}`},
		"a value is at most 1":            {task.Progress{}, `{"value":7}`, `{"text":"","value":1}`},
		"units make a value":              {task.Progress{}, `{"done":3,"total":4,"unit":"files"}`, `{"text":"","value":0.75,"done":3,"total":4,"unit":"files"}`},
		"the total is kept":               {task.Progress{Total: 4}, `{"done":3}`, `{"text":"","value":0.75,"done":3,"total":4}`},
		"a larger total makes none fall":  {task.Progress{Value: .75, Done: 3, Total: 4}, `{"total":8}`, `{"text":"","value":0.75,"done":3,"total":8}`},
		"more than all is all":            {task.Progress{}, `{"done":9,"total":4}`, `{"text":"","value":1,"done":4,"total":4}`},
		"units without a total make none": {task.Progress{}, `{"done":9}`, `{"text":"","value":0,"done":9}`},
		"less than nothing is nothing":    {task.Progress{}, `{"done":-9,"total":-4,"stage":-1,"stages":-2,"value":-1}`, `{"text":"","value":0}`},
		"stages make a value":             {task.Progress{}, `{"stage":3,"stages":4}`, `{"text":"","value":0.5,"stage":3,"stages":4}`},
		"stages and units together":       {task.Progress{Stage: 2, Stages: 4}, `{"done":1,"total":2}`, `{"text":"","value":0.375,"stage":2,"stages":4,"done":1,"total":2}`},
		"another stage begins anew":       {task.Progress{Value: .25, Stage: 1, Stages: 4, Done: 5, Total: 5, Unit: "files"}, `{"stage":2}`, `{"text":"","value":0.25,"stage":2,"stages":4}`},
		"the same stage goes on":          {task.Progress{Stage: 1, Stages: 1, Done: 1, Total: 2}, `{"stage":1}`, `{"text":"","value":0.5,"stage":1,"stages":1,"done":1,"total":2}`},
		"stages to come are no progress":  {task.Progress{}, `{"stages":4}`, `{"text":"","value":0,"stages":4}`},
		"a stage too many is the last":    {task.Progress{}, `{"stage":9,"stages":4}`, `{"text":"","value":0.75,"stage":4,"stages":4}`},
		"the last stage goes on":          {task.Progress{Value: .75, Stage: 4, Stages: 4, Done: 1, Total: 2}, `{"stage":9}`, `{"text":"","value":0.875,"stage":4,"stages":4,"done":1,"total":2}`},
		"fewer stages than were begun":    {task.Progress{Stage: 4, Stages: 4, Done: 1, Total: 2}, `{"stages":3}`, `{"text":"","value":0.6666666666666666,"stage":3,"stages":3}`},
		"a smaller total than was done":   {task.Progress{Done: 5, Total: 9}, `{"total":2}`, `{"text":"","value":1,"done":2,"total":2}`},
		"a text changes no value":         {task.Progress{Value: .1, Done: 1, Total: 2}, `{"text":"b","unit":"y"}`, `{"text":"b","value":0.1,"done":1,"total":2,"unit":"y"}`},
	} {
		var u task.Update
		if err := json.Unmarshal([]byte(c.update), &u); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(c.before.With(u.Usable())); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, c.want)
		}
	}
}

func TestNumbersThatSayNothingAreLeftOut(t *testing.T) { // T4
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	if got := (task.Update{Value: &nan, Done: &nan, Total: &inf}).Usable(); got != (task.Update{}) {
		t.Errorf("left is %+v", got)
	}
	if got := (task.Progress{}).With(task.Update{Value: &inf}.Usable()); got.Value != 1 {
		t.Errorf("an infinite value makes %+v", got)
	}
}

func FuzzProgressCanAlwaysBeSent(f *testing.F) { // T4
	f.Add(0.5, 1, 2, 3.0, 4.0)
	f.Add(math.NaN(), math.MinInt, math.MaxInt, math.MaxFloat64, math.SmallestNonzeroFloat64)
	f.Fuzz(func(t *testing.T, value float64, stage, stages int, done, total float64) {
		before := task.Progress{Value: 0.125}
		for _, u := range []task.Update{
			{Stage: &stage, Stages: &stages, Done: &done, Total: &total},
			{Value: &value, Done: &done, Total: &total},
		} {
			after := before.With(u.Usable())
			if _, err := json.Marshal(after); err != nil || !(after.Value >= before.Value && after.Value <= 1) {
				t.Errorf("%+v, %v", after, err)
			}
		}
	})
}
