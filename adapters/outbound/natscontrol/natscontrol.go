// Package natscontrol implements gateway.Control by requests over NATS, and
// answers those for this node.
package natscontrol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/internal/principaljson"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
)

const (
	// answerTime bounds one request.
	answerTime = 2 * time.Second
	// renewTime is for recording a new credential, so that the answer comes in time.
	// Nothing else that is asked for needs I/O.
	renewTime = 1500 * time.Millisecond
	// maxRenewals is how many are recorded at a time: each waits for NATS most of the time.
	maxRenewals = 64
)

// Control talks to other nodes. It is safe for concurrent use.
type Control struct {
	broker   *natsbroker.Broker
	node     string             // this one
	requests *nats.Subscription // of other nodes to this one
	log      *slog.Logger

	places   chan struct{} // of renewals that are recorded now
	renewals sync.WaitGroup
}

var _ gateway.Control = (*Control)(nil)

// Open returns the Control of the node of that name. What that node is asked for
// waits for Serve.
func Open(broker *natsbroker.Broker, node string, log *slog.Logger) (*Control, error) {
	requests, err := broker.Conn().SubscribeSync(subject(node))
	if err != nil {
		return nil, fmt.Errorf("listen to other nodes: %w", err)
	}
	return &Control{broker: broker, node: node, requests: requests, log: log, places: make(chan struct{}, maxRenewals)}, nil
}

// subject is where a node is asked about its streams.
func subject(node string) string { return "heliograph.node." + natsbroker.Key(node) + ".streams" }

// Owns implements gateway.Control.
func (c *Control) Owns(node string) bool { return node == c.node }

// Close implements gateway.Control.
func (c *Control) Close(ctx context.Context, node string, token connection.Token, last event.Event) error {
	if err := last.Validate(); err != nil {
		return err
	}
	return c.ask(ctx, node, request{Format: requestFormat, Token: token, Name: last.Name, Data: last.Data})
}

// Send implements gateway.Control.
func (c *Control) Send(ctx context.Context, node string, token connection.Token, ev event.Event) error {
	if err := ev.Validate(); err != nil {
		return err
	}
	return c.ask(ctx, node, request{Format: sendFormat, Token: token, Service: ev.Service, Name: ev.Name, Data: ev.Data, Key: ev.Key})
}

// Ended implements gateway.Control.
func (c *Control) Ended(ctx context.Context, node string, token connection.Token, reason connection.Reason) error {
	return c.ask(ctx, node, request{Format: requestFormat, Token: token, Reason: reason})
}

// Renew implements gateway.Control.
func (c *Control) Renew(ctx context.Context, node string, token connection.Token, p *access.Principal) error {
	text, err := principaljson.Encode(p)
	if err != nil {
		return err
	}
	return c.ask(ctx, node, request{Format: renewalFormat, Token: token, Principal: text})
}

// Follow implements gateway.Control.
func (c *Control) Follow(ctx context.Context, node string, token connection.Token, f output.Followed) error {
	asked := followed(f)
	return c.ask(ctx, node, request{Format: followFormat, Token: token, Followed: &asked})
}

func (c *Control) ask(ctx context.Context, node string, r request) error {
	text, err := event.Marshal(r)
	if err != nil {
		return fmt.Errorf("%w: %w", event.ErrInvalid, err)
	}
	limited, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	answer, err := c.broker.Conn().RequestWithContext(limited, subject(node), text)
	switch {
	case err == nil:
		return outcome(string(answer.Data))
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return fmt.Errorf("%w: %w", gateway.ErrNodeAway, err)
	}
}

// Serve has peer do what other nodes ask for until ctx ends, which is no
// error. It may be called once.
func (c *Control) Serve(ctx context.Context, peer gateway.Peer) error {
	defer c.renewals.Wait()
	defer func() { _ = c.requests.Unsubscribe() }() // it can only be closed already
	for {
		msg, err := c.requests.NextMsgWithContext(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, nats.ErrSlowConsumer): // some were dropped; the node that asked gets no answer
			c.log.WarnContext(ctx, "requests of other nodes were lost", slog.Any("error", err))
		case err != nil:
			return fmt.Errorf("listen to other nodes: %w", err)
		default:
			c.answer(ctx, peer, msg)
		}
	}
}

// answer does what was asked for. Recording a credential takes a while, so that is done in
// the background, and refused if too many are.
func (c *Control) answer(ctx context.Context, peer gateway.Peer, msg *nats.Msg) {
	var asked request
	err := json.Unmarshal(msg.Data, &asked)
	if err == nil {
		err = natsbroker.CheckFormat(asked.Format, newestFormat)
	}
	switch {
	case err != nil:
		c.broker.LeaveOut("requests of other nodes", msg.Subject, 0, err)
	case asked.Principal != nil || asked.Followed != nil:
		select {
		case c.places <- struct{}{}:
			c.renewals.Go(func() {
				defer func() { <-c.places }()
				c.respond(ctx, msg, change(ctx, peer, asked))
			})
			return
		default:
			err = connection.ErrUnavailable
		}
	case asked.Format == sendFormat:
		err = peer.Send(ctx, asked.Token, event.Event{Service: asked.Service, Name: asked.Name, Data: asked.Data, Key: asked.Key})
	case asked.Name == "":
		peer.Ended(ctx, asked.Token, asked.Reason)
	default:
		err = peer.Close(ctx, asked.Token, event.Event{Name: asked.Name, Data: asked.Data})
	}
	c.respond(ctx, msg, err)
}

// change does what takes a look at the registry.
func change(ctx context.Context, peer gateway.Peer, asked request) error {
	ctx, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	if asked.Followed != nil {
		return peer.Follow(ctx, asked.Token, output.Followed(*asked.Followed))
	}
	p, err := principaljson.Decode(asked.Principal)
	if err != nil {
		return err
	}
	return peer.Renew(ctx, asked.Token, p)
}

func (c *Control) respond(ctx context.Context, msg *nats.Msg, outcome error) {
	if err := msg.Respond([]byte(wordFor(outcome))); err != nil {
		c.log.WarnContext(ctx, "another node could not be answered", slog.Any("error", err))
	}
}
