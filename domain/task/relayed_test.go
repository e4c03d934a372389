package task_test

import (
	"fmt"
	"testing"

	"heliograph/domain/task"
)

func TestSignsOfAWorkerAreCountedAndTheirReportsBounded(t *testing.T) {
	t.Parallel()
	var all []task.Task
	record := task.Task{}.WithReport(task.Update{})
	if record.Reports != 1 || len(record.Relayed) != 0 {
		t.Errorf("an empty report: %+v", record)
	}
	for i := range 6 {
		u := task.Update{Done: new(float64(i))}
		if i == 0 {
			u.Text = new("begun")
		}
		record = record.WithReport(u)
		all = append(all, record)
	}
	if record.Reports != 7 || len(record.Relayed) != 4 {
		t.Fatalf("after seven reports: %+v", record)
	}
	oldest, newest := record.Relayed[0], record.Relayed[3]
	if oldest.Number != 4 || *oldest.Update.Text != "begun" || *oldest.Update.Done != 2 || newest.Number != 7 || *newest.Update.Done != 5 {
		t.Errorf("the reports are %+v and %+v", oldest, newest)
	}
	for i, before := range all { // what was there before is as it was
		if got := fmt.Sprint(*before.Relayed[len(before.Relayed)-1].Update.Done); got != fmt.Sprint(i) {
			t.Errorf("record %d says %s", i, got)
		}
	}
	if oldest := all[3].Relayed[0]; *oldest.Update.Done != 0 {
		t.Errorf("an older record was changed: %+v", oldest)
	}
}
