package following_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"heliograph/application/outputs/following"
	"heliograph/domain/connection"
	"heliograph/domain/output"
)

// client is a page that follows one task through cuts.
type client struct {
	t    *testing.T
	at   int64 // the offset that it has
	gaps int
}

// gets takes an event, and holds it against all that was printed.
func (c *client) gets(p printed, all string) {
	c.t.Helper()
	switch {
	case p.Offset > c.at:
		c.t.Fatalf("bytes %d to %d are missing, and no gap is named", c.at, p.Offset)
	case p.Gap > 0:
		c.gaps++
		c.at = max(c.at, p.Offset+p.Gap)
	case all[p.Offset:p.Offset+int64(len(p.Text))] != p.Text:
		c.t.Fatalf("at %d there is %.20q, and the task has printed %.20q", p.Offset, p.Text, all[p.Offset:])
	default:
		c.at = max(c.at, p.Offset+int64(len(p.Text)))
	}
}

// A worker prints, and the stream of the one that follows is cut again and again: between
// events and while one is under way, which may have arrived or not. Meanwhile much may be
// printed, so that some of it is gone.
func TestAFollowersBytesAreTheWorkersThroughCuts(t *testing.T) { // T22, T21
	const seed, cuts = 22, 1000
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed, seed))
		f := newFixture(t, following.Config{MaxEventBytes: 4 << 10}, nil)
		f.starts("a")
		var all strings.Builder
		prints := func(lines int) {
			for range lines {
				text := fmt.Sprintf("line %d %s\n", all.Len(), strings.Repeat("ü€😀x", random.IntN(30)))
				all.WriteString(text)
				f.prints("a", text)
			}
		}
		c := &client{t: t}
		for cut := range cuts {
			token := fmt.Sprint("stream-", cut)
			f.connects(token)
			f.follows(token, "a", c.at)
			for range random.IntN(6) {
				prints(random.IntN(4))
				if p, ok := f.sender.write(connection.Token(token)); ok {
					c.gets(p, all.String())
				}
			}
			if random.IntN(2) == 0 { // one arrives, and the stream is cut before the service hears of it
				synctest.Wait()
				f.sender.mu.Lock()
				under := *f.sender.under[connection.Token(token)]
				f.sender.mu.Unlock()
				if under.next != nil {
					c.gets(parse(t, under.ev), all.String())
				}
			}
			f.disconnects(token)
			if random.IntN(50) == 0 {
				prints(2000) // while nobody listens
			}
		}
		f.ends("a")
		f.connects("last")
		f.follows("last", "a", c.at)
		for closed := false; !closed; {
			p, ok := f.sender.write("last")
			if !ok {
				t.Fatal("the end is missing")
			}
			c.gets(p, all.String())
			closed = p.Closed
		}
		if c.at != int64(all.Len()) || c.gaps == 0 || all.Len() < 10*output.MinTail {
			t.Errorf("it has come to %d of %d, with %d gaps", c.at, all.Len(), c.gaps)
		}
	})
}
