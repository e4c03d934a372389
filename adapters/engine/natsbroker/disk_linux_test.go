package natsbroker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/test/fulldisk"
)

const mega = 1 << 20

// bucketIn opens the broker in a folder, and a bucket that is as large as the disk.
func bucketIn(t *testing.T, dir string) (*natsbroker.Broker, *natsbroker.Bucket) {
	t.Helper()
	b := brokertest.Open(t, natsbroker.Config{Dir: dir})
	kv, err := b.Bucket(t.Context(), "b", -1)
	if err != nil {
		t.Fatal(err)
	}
	return b, kv
}

// fill creates records until one is refused, and returns how many there are.
func fill(t *testing.T, kv *natsbroker.Bucket, from int) (n int) {
	t.Helper()
	for n = from; n < 1000; n++ {
		_, err := kv.Create(t.Context(), fmt.Sprint("k", n), make([]byte, record))
		if err == nil {
			continue
		}
		if !errors.Is(err, natsbroker.ErrDisk) || !strings.Contains(err.Error(), "disk") {
			t.Errorf("record %d was refused with %v, want ErrDisk", n, err)
		}
		return n
	}
	t.Fatal("nothing was refused")
	return 0
}

func TestTheDiskAloneBoundsWhatTheFolderHolds(t *testing.T) { // H3 a
	dir, ok := fulldisk.Volume(t, 100*mega)
	if !ok {
		return
	}
	b, kv := bucketIn(t, dir)
	n := fill(t, kv, 0)
	if least := 80 * mega / record; n < least {
		t.Errorf("the disk took %d records, want at least %d", n, least)
	}
	if err := b.Check(); !errors.Is(err, natsbroker.ErrDisk) {
		t.Errorf("on a full disk: %v, want ErrDisk", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b, kv = bucketIn(t, dir) // as full
	defer serving(t, b)()
	if _, err := kv.Update(t.Context(), "k0", []byte("smaller"), revisionOf(t, kv, "k0")); err != nil {
		t.Errorf("a small change on a full disk: %v", err)
	}
	for i := range n {
		if err := kv.Purge(t.Context(), fmt.Sprint("k", i), 0); err != nil {
			t.Fatalf("on a full disk record %d of %d cannot be removed: %v", i, n, err)
		}
	}
	until(t, b, func(err error) bool { return err == nil })
	if again := fill(t, kv, n) - n; again < n*9/10 {
		t.Errorf("the disk took %d records, and %d after they were removed", n, again)
	}
}

func revisionOf(t *testing.T, kv *natsbroker.Bucket, key string) uint64 {
	t.Helper()
	entry, err := kv.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return entry.Revision()
}

func TestAFolderWhoseDiskIsNearlyFullIsOpened(t *testing.T) { // H3 b
	dir, ok := fulldisk.Volume(t, 220*mega)
	if !ok {
		return
	}
	b, kv := bucketIn(t, dir)
	for i := range 44 * mega / record {
		if _, err := kv.Create(t.Context(), fmt.Sprint("k", i), make([]byte, record)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	makeRoom := fulldisk.Occupy(t, dir, 12*mega)

	b, kv = bucketIn(t, dir)
	defer serving(t, b)()
	if err := b.Check(); err != nil {
		t.Errorf("with 12 MiB free: %v", err)
	}
	if _, err := kv.Create(t.Context(), "small", nil); err != nil {
		t.Error(err)
	}
	makeRoom()
	if n := fill(t, kv, 100) - 100; n < 150*mega/record {
		t.Errorf("after 150 MiB more were free, the disk took %d records", n)
	}
}

func TestAStartOnAFullDiskWaitsForRoom(t *testing.T) { // H3 c
	dir, ok := fulldisk.Volume(t, 100*mega)
	if !ok {
		return
	}
	b, kv := bucketIn(t, dir)
	if _, err := kv.Create(t.Context(), "before", nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	makeRoom := fulldisk.Occupy(t, dir, 0)
	waits := make(chan string)
	type result struct {
		*natsbroker.Broker
		error
	}
	opened := make(chan result)
	go func() {
		b, err := natsbroker.Open(t.Context(), natsbroker.Config{Dir: dir, Name: "node-1", Waiting: func(why string) { waits <- why }}, silent)
		opened <- result{b, err}
	}()
	for range 2 {
		if why := <-waits; !strings.Contains(why, "disk") {
			t.Errorf("it waits for %q", why)
		}
	}
	makeRoom()
	for {
		select {
		case <-waits:
			continue
		case r := <-opened:
			if r.error != nil {
				t.Fatal(r.error)
			}
			defer func() { _ = r.Close() }()
			kv, err := r.Bucket(t.Context(), "b", -1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := kv.Get(t.Context(), "before"); err != nil {
				t.Error(err)
			}
		}
		return
	}
}

func TestAStartThatWaitsForRoomEndsWithItsContext(t *testing.T) {
	dir, ok := fulldisk.Volume(t, 20*mega)
	if !ok {
		return
	}
	fulldisk.Occupy(t, dir, 0)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := natsbroker.Open(ctx, natsbroker.Config{Dir: dir, Name: "node-1", Waiting: func(string) { cancel() }}, silent)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, natsbroker.ErrDisk) {
		t.Errorf("error %v", err)
	}
}
