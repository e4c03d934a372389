package enginetest

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"heliograph/domain/connection"
	"heliograph/test/sseclient"
)

// Client is the other end of one stream. One goroutine at a time may use it.
type Client struct {
	Conn   net.Conn
	Reason chan connection.Reason // gets why the stream ended

	t     testing.TB
	Body  io.Reader           // what comes through Conn, without chunks
	items chan sseclient.Item // closed at the stream's end
}

// NewClient returns the client at the other end of conn.
func NewClient(t testing.TB, conn net.Conn) *Client {
	return &Client{t: t, Conn: conn, Body: conn, items: make(chan sseclient.Item, 1<<16), Reason: make(chan connection.Reason, 1)}
}

func (c *Client) read() {
	defer close(c.items)
	d := sseclient.NewDecoder(c.Body, "")
	for {
		item, err := d.Next()
		if err != nil {
			return
		}
		c.items <- item
	}
}

// Next returns the next item; the zero Item at the stream's end.
func (c *Client) Next() sseclient.Item {
	c.t.Helper()
	select {
	case item := <-c.items:
		return item
	case <-time.After(30 * time.Second):
		c.t.Fatal("nothing arrived in 30 s")
		return sseclient.Item{}
	}
}

// Want checks the next event: seq is its ID's sequence, or "" for none.
func (c *Client) Want(seq, name, data string) {
	c.t.Helper()
	want := sseclient.Event{Name: name, Data: data}
	if seq != "" {
		want.ID = Epoch + "-" + seq
	}
	if got := c.Next(); got.Event != want {
		c.t.Fatalf("got %+v, want %+v", got, want)
	}
}

// WantNote checks that the next event is a "note" with that text.
func (c *Client) WantNote(seq, text string) {
	c.t.Helper()
	c.Want(seq, "note", fmt.Sprintf("%q", text))
}

// WantEnd checks that the stream has ended, and why.
func (c *Client) WantEnd(reason connection.Reason) {
	c.t.Helper()
	if got := c.Next(); got.Kind != 0 {
		c.t.Fatalf("got %+v where the stream had to end", got)
	}
	if got := <-c.Reason; got != reason {
		c.t.Errorf("the stream ended for %q, want %q", got, reason)
	}
}
