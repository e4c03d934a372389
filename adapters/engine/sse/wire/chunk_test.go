package wire_test

import (
	"bytes"
	"io"
	"net/http/httputil"
	"testing"

	"heliograph/adapters/engine/sse/wire"
)

func TestChunksHoldWhatWasPutIntoThem(t *testing.T) { // gateway-protocol, RFC 9112 7.1
	t.Parallel()
	var all, want []byte
	for _, size := range []int{1, 9, 10, 15, 16, 17, 159, 160, 255, 256, 4095, 4096, 65535, 65536, 1 << 20} {
		frame := bytes.Repeat([]byte{'x'}, size)
		chunk := wire.AppendChunk(nil, func(b []byte) []byte { return append(b, frame...) })
		if len(chunk) != wire.ChunkSize(size) {
			t.Errorf("a chunk of %d bytes takes %d, ChunkSize says %d", size, len(chunk), wire.ChunkSize(size))
		}
		got, rest := wire.CutChunk(append(chunk, "rest"...))
		if !bytes.Equal(got, frame) || string(rest) != "rest" {
			t.Errorf("of %d bytes: %d bytes, and then %q", size, len(got), rest)
		}
		all, want = append(all, chunk...), append(want, frame...)
	}
	// The standard library reads them too.
	got, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(append(all, wire.LastChunk...))))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
	}
}
