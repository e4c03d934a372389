package taskstorecontract

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/task"
)

func known(_ *testing.T, f fixture) {
	want := f.createOne(full())
	f.wantKnown(want)
	want = f.update(want, finish(9))
	f.wantKnown(want)
	if _, _, err := f.store.List(f.t.Context(), task.Query{}); err != nil { // then it has come back to this node
		f.t.Fatal(err)
	}
	f.wantKnown(want)
	if err := f.store.Delete(f.t.Context(), want); err != nil {
		f.t.Fatal(err)
	}
	if _, _, err := f.store.List(f.t.Context(), task.Query{}); err != nil {
		f.t.Fatal(err)
	}
	if got, ok := f.store.Known(want.ID); ok {
		f.t.Errorf("after its removal %+v is known", got)
	}
	if got, ok := f.store.Known("00000000-0000-4000-8000-000000000099"); ok {
		f.t.Errorf("%+v is known", got)
	}
}

func (f fixture) wantKnown(want task.Task) {
	f.t.Helper()
	if got, ok := f.store.Known(want.ID); !ok || !cmp.Equal(want, got) {
		f.t.Errorf("known, %t (-want +got):\n%s", ok, cmp.Diff(want, got))
	}
}
