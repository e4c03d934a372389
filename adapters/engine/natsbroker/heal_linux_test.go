package natsbroker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/test/fulldisk"
)

func TestAServerWhoseFolderTookNothingWritesAgainOnceItDoes(t *testing.T) {
	if !fulldisk.Alone(t) {
		return
	}
	b := brokertest.Open(t, natsbroker.Config{Dir: t.TempDir()})
	kv, err := b.Bucket(t.Context(), "b", -1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		if err := b.Serve(ctx); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	if _, err := kv.Put(t.Context(), "before", nil); err != nil {
		t.Fatal(err)
	}
	makeRoom := fulldisk.Fill(t)
	for _, err := range []error{second(kv.Put(t.Context(), "a", nil)), second(kv.Put(t.Context(), "b", nil)), b.Check()} {
		if !errors.Is(err, natsbroker.ErrDisk) {
			t.Errorf("error %v, want ErrDisk", err)
		}
	}
	makeRoom()
	for b.Check() != nil {
		natsbroker.Pause(t.Context(), 10*time.Millisecond)
	}
	if _, err := kv.Create(t.Context(), "after", nil); err != nil {
		t.Error(err)
	}
	if _, err := kv.Get(t.Context(), "before"); err != nil {
		t.Error(err)
	}
}

func second(_ uint64, err error) error { return err }
