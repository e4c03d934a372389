package httpsender

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"heliograph/adapters/internal/streamurl"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

const (
	// matchPause is how long the gateway's streams and the roster may disagree
	// again after they were compared: while browsers come and go they always do.
	matchPause = 5 * time.Second
	// matchPauseEach is the same where every token is a request of its own.
	matchPauseEach = time.Minute
	// maxListed bounds how many streams of a gateway are looked at: more than a
	// process can hold.
	maxListed = 1 << 20
	// maxAdopting is how many streams are adopted at a time: each costs a round trip
	// with a registry that nodes share, and ten thousand of them one after the other
	// would hold up all events for seconds.
	maxAdopting = 64
)

// errEndless says that the gateway lists more streams than there can be.
var errEndless = fmt.Errorf("%w: the list has no end", gateway.ErrRefused)

func (p *probe) matchInterval() time.Duration {
	if p.can.Connections {
		return matchPause
	}
	return matchPauseEach
}

// match makes the gateway's streams and the roster agree: what only the gateway
// has is adopted (rule C8), what only the roster has is asked for by its token, and
// gone if the gateway does not know it (rule E5). Errors: as client.streams; then
// nothing is known.
func (p *probe) match(ctx context.Context) error {
	p.matched = time.Now()
	doubted := p.mismatch.Swap(false)
	if !p.can.Connections && !doubted {
		return nil
	}
	var adopting errgroup.Group
	adopting.SetLimit(maxAdopting)
	missing := make(map[connection.Token]struct{})
	for c := range p.roster.All() {
		missing[c.Token] = struct{}{}
	}
	err := p.eachStream(ctx, func(s listed) {
		if _, known := missing[s.Token]; known {
			delete(missing, s.Token)
			return
		}
		adopting.Go(func() error {
			p.found(ctx, s)
			return nil
		})
	})
	_ = adopting.Wait() // none has an error
	if err != nil {
		p.mismatch.Store(true)
		p.log.WarnContext(ctx, "streams of the gateway could not be listed", slog.Any("error", err))
		return err
	}
	for token := range missing {
		p.trunk.lanes.send(newQuestion(token))
	}
	return nil
}

// eachStream calls f with each of the gateway's streams, if it can list them. A list
// ends at the latest with a page that has nothing new. Errors: as client.streams,
// errEndless.
func (p *probe) eachStream(ctx context.Context, f func(listed)) error {
	if !p.can.Connections {
		return nil
	}
	seen := make(map[connection.Token]struct{})
	for after := ""; ; {
		page, next, err := p.page(ctx, after)
		if err != nil {
			return err
		}
		before := len(seen)
		for _, s := range page {
			if _, again := seen[s.Token]; !again {
				seen[s.Token] = struct{}{}
				f(s)
			}
		}
		switch {
		case next == "" || len(seen) == before:
			return nil
		case len(seen) > maxListed:
			return errEndless
		}
		after = next
	}
}

func (p *probe) page(ctx context.Context, after string) ([]listed, string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.client.timeout)
	defer cancel()
	return p.client.streams(ctx, after, pageSize)
}

// found tells the listener of a stream. One without a request_id is not ours.
func (p *probe) found(ctx context.Context, s listed) {
	_, query, _ := strings.Cut(s.URL, "?")
	if id, err := streamurl.RequestID(query); err == nil {
		h := newHold(p.trunk.lanes, s.Token, laneGreet)
		defer h.letGo()
		p.listener.Found(ctx, id, s.Token)
	}
}
