package ssestream_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/event"
)

// speak opens a stream with a request of this version of HTTP, and returns its answer,
// up to the body, and what follows on the connection.
func (b *bench) speak(t *testing.T, version string) (*http.Response, *bufio.Reader) {
	t.Helper()
	b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(b.opening, nil)
	b.opening.EXPECT().OpenedHere().MaxTimes(1)
	b.opening.EXPECT().Opened().MaxTimes(1)
	b.manager.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any())
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, _ = fmt.Fprintf(conn, "GET %s?request_id=me HTTP/%s\r\nHost: %s\r\n\r\n", u.Path, version, u.Host)
	var head strings.Builder
	in := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatalf("the head ends after %q: %v", head.String(), err)
		}
		head.WriteString(line)
	}
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head.String())), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res, in
}

// both transports, as numbers of shards.
var transports = map[string]int{"adopted": 1, "portable": -1}

func TestAStreamIsChunkedForHTTP11(t *testing.T) { // G7, gateway-protocol "Client → gateway"
	t.Parallel()
	for name, shards := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, sse.Config{Shards: shards})
			res, in := b.speak(t, "1.1")
			if !slices.Equal(res.TransferEncoding, []string{"chunked"}) || res.Close || res.Header.Get("Connection") != "keep-alive" {
				t.Errorf("transfer encoding %v, Connection %q", res.TransferEncoding, res.Header.Get("Connection"))
			}
			// A client that knows only chunks gets each event as soon as it is there.
			for seq := range uint64(3) {
				if err := b.engine.Broadcast(event.Record{ID: event.ID{Epoch: "e1", Seq: seq + 1}, Event: note(`"` + strings.Repeat("x", 20) + `"`)}); err != nil {
					t.Fatal(err)
				}
				frame := fmt.Sprintf("id: e1-%d\nevent: note\ndata: %q\n\n", seq+1, strings.Repeat("x", 20))
				wantBytes(t, in, fmt.Sprintf("%x\r\n%s\r\n", len(frame), frame))
			}
			if err := b.engine.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			rest, err := io.ReadAll(httputil.NewChunkedReader(in)) // an error without the last chunk
			if !strings.HasPrefix(string(rest), "retry: ") || err != nil {
				t.Errorf("at the end: %q, %v", rest, err)
			}
		})
	}
}

func TestAStreamIsUnframedForHTTP10(t *testing.T) { // G7
	t.Parallel()
	for name, shards := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, sse.Config{Shards: shards})
			res, in := b.speak(t, "1.0")
			if len(res.TransferEncoding) > 0 || res.Header.Get("Connection") != "close" {
				t.Errorf("transfer encoding %v, Connection %q", res.TransferEncoding, res.Header.Get("Connection"))
			}
			if err := b.engine.Broadcast(event.Record{ID: event.ID{Epoch: "e1", Seq: 1}, Event: note(`1`)}); err != nil {
				t.Fatal(err)
			}
			wantBytes(t, in, "id: e1-1\nevent: note\ndata: 1\n\n")
			if err := b.engine.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			if rest, err := io.ReadAll(in); !strings.HasPrefix(string(rest), "retry: ") || !strings.HasSuffix(string(rest), "\n\n") || err != nil {
				t.Errorf("at the end: %q, %v", rest, err)
			}
		})
	}
}

// wantBytes checks what comes next.
func wantBytes(t *testing.T, in io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in, got); string(got) != want {
		t.Fatalf("got %q (%v), want %q", got, err, want)
	}
}
