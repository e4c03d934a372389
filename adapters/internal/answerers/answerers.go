// Package answerers keeps what answers the questions about one node, for the adapters of
// cluster.Questions.
package answerers

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Time bounds one answer (cluster.Questions).
const Time = time.Second

// Set is the answerers by topic. Its zero value is empty. It is safe for concurrent use.
type Set struct {
	mu      sync.Mutex
	byTopic map[string]answerer // guarded by mu
}

type answerer = func(context.Context, json.RawMessage) (json.RawMessage, error)

// Answer is cluster.Questions.Answer.
func (s *Set) Answer(topic string, answer func(context.Context, json.RawMessage) (json.RawMessage, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byTopic == nil {
		s.byTopic = map[string]answerer{}
	}
	s.byTopic[topic] = answer
}

// Ask returns what this node answers within Time. Errors: what the answerer says, that it
// took too long, or that there is none.
func (s *Set) Ask(ctx context.Context, topic string, question json.RawMessage) (json.RawMessage, error) {
	s.mu.Lock()
	answer := s.byTopic[topic]
	s.mu.Unlock()
	if answer == nil {
		return nil, fmt.Errorf("nothing here answers questions about %q", topic)
	}
	ctx, cancel := context.WithTimeout(ctx, Time)
	defer cancel()
	text, err := answer(ctx, question)
	if err == nil {
		err = ctx.Err()
	}
	return text, err
}
