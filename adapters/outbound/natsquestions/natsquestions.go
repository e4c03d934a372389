// Package natsquestions implements cluster.Questions by requests over NATS, and answers
// those of other nodes.
package natsquestions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/internal/answerers"
	"heliograph/domain/cluster"
)

// maxAnswers is how many questions are answered at a time.
const maxAnswers = 64

// Questions asks other nodes. It is safe for concurrent use.
type Questions struct {
	answerers.Set

	broker   *natsbroker.Broker
	nodes    cluster.Nodes
	requests *nats.Subscription // of other nodes to this one
	log      *slog.Logger

	places  chan struct{} // of answers that are made now
	answers sync.WaitGroup
}

var _ cluster.Questions = (*Questions)(nil)

// Open returns the Questions of the node that nodes says is this one. What other nodes ask waits for Serve.
func Open(broker *natsbroker.Broker, nodes cluster.Nodes, log *slog.Logger) (*Questions, error) {
	self := nodes.Self().Node()
	requests, err := broker.Conn().SubscribeSync(subject(self))
	if err != nil {
		return nil, fmt.Errorf("listen to questions of other nodes: %w", err)
	}
	return &Questions{
		broker: broker, nodes: nodes, requests: requests, log: log,
		places: make(chan struct{}, maxAnswers),
	}, nil
}

// subject is where a node is asked.
func subject(node string) string { return "heliograph.node." + natsbroker.Key(node) + ".questions" }

// Ask implements cluster.Questions.
func (q *Questions) Ask(ctx context.Context, topic string, question json.RawMessage, nodes ...string) (map[string]json.RawMessage, []string, error) {
	self := q.nodes.Self().Node()
	if len(nodes) == 0 {
		nodes = append(q.nodes.Present(), self)
	}
	nodes = slices.Compact(slices.Sorted(slices.Values(nodes)))
	text, err := json.Marshal(request{Format: format, Topic: topic, Question: question})
	if err != nil {
		return nil, nil, err
	}
	var (
		mu      sync.Mutex
		answers = map[string]json.RawMessage{} // guarded by mu
		asking  sync.WaitGroup
	)
	for _, node := range nodes {
		asking.Go(func() {
			var answer json.RawMessage
			var err error
			if node == self {
				answer, err = q.Set.Ask(ctx, topic, question)
			} else {
				answer, err = q.askNode(ctx, node, text)
			}
			switch {
			case err == nil:
				mu.Lock()
				answers[node] = answer
				mu.Unlock()
			case ctx.Err() == nil:
				q.log.DebugContext(ctx, "a node has not answered a question", slog.String("node", node), slog.String("topic", topic), slog.Any("error", err))
			}
		})
	}
	asking.Wait()
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	missing := slices.DeleteFunc(nodes, func(node string) bool { return answers[node] != nil })
	return answers, missing, nil
}

func (q *Questions) askNode(ctx context.Context, node string, text []byte) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, answerers.Time)
	defer cancel()
	msg, err := q.broker.Conn().RequestWithContext(ctx, subject(node), text)
	if err != nil {
		return nil, err
	}
	var a answer
	if err := json.Unmarshal(msg.Data, &a); err != nil {
		return nil, err
	}
	if a.Error != "" || a.Answer == nil {
		return nil, fmt.Errorf("it says: %s", a.Error)
	}
	return a.Answer, nil
}

// Serve answers what other nodes ask until ctx ends, which is no error. It may be called
// once.
func (q *Questions) Serve(ctx context.Context) error {
	defer q.answers.Wait()
	defer func() { _ = q.requests.Unsubscribe() }() // it can only be closed already
	for {
		msg, err := q.requests.NextMsgWithContext(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, nats.ErrSlowConsumer): // some were dropped; the node that asked gets no answer
			q.log.WarnContext(ctx, "questions of other nodes were lost", slog.Any("error", err))
		case err != nil:
			return fmt.Errorf("listen to questions of other nodes: %w", err)
		default:
			q.take(ctx, msg)
		}
	}
}

// take answers in the background, or refuses if too many are answered now.
func (q *Questions) take(ctx context.Context, msg *nats.Msg) {
	var asked request
	err := json.Unmarshal(msg.Data, &asked)
	if err == nil {
		err = natsbroker.CheckFormat(asked.Format, format)
	}
	if err != nil {
		q.broker.LeaveOut("questions of other nodes", msg.Subject, 0, err)
		q.respond(ctx, msg, nil, err)
		return
	}
	select {
	case q.places <- struct{}{}:
		q.answers.Go(func() {
			defer func() { <-q.places }()
			text, err := q.Set.Ask(ctx, asked.Topic, asked.Question)
			q.respond(ctx, msg, text, err)
		})
	default:
		q.respond(ctx, msg, nil, errors.New("too many questions at once"))
	}
}

func (q *Questions) respond(ctx context.Context, msg *nats.Msg, text json.RawMessage, failure error) {
	a := answer{Format: format, Answer: text}
	if failure != nil {
		a = answer{Format: format, Error: failure.Error()}
	}
	body, err := json.Marshal(a)
	if err == nil {
		if most := q.broker.Conn().MaxPayload(); int64(len(body)) > most {
			body, err = json.Marshal(answer{Format: format, Error: fmt.Sprintf("the answer has %d bytes, and NATS takes %d", len(body), most)})
		}
	}
	if err == nil {
		err = msg.Respond(body)
	}
	if err != nil {
		q.log.WarnContext(ctx, "a question of another node could not be answered", slog.Any("error", err))
	}
}
