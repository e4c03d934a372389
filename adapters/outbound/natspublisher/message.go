package natspublisher

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/access"
	"heliograph/domain/event"
)

// eventHeader holds all of an event but its payload, which is the message's own.
const eventHeader = "Heliograph-Event"

// The formats of messages; the first ones have none. A new one is made when an earlier
// version must not read them any more.
const (
	messageFormat = 1
	// audienceFormat is that of events which are not for everyone: a node that knows no
	// audiences would hand them to every stream.
	audienceFormat = 2
)

// about is what eventHeader holds, as JSON.
type about struct {
	Format  int           `json:"format"`
	Service event.Service `json:"service"`
	Name    string        `json:"name"`
	Key     string        `json:"key,omitempty"`
	Topic   string        `json:"topic,omitempty"`
	Order   uint64        `json:"order,omitempty"`
	// Audience is nil for everyone.
	Audience *access.Audience `json:"audience,omitempty"`
}

func encode(ev event.Event) (*nats.Msg, error) {
	format := messageFormat
	if ev.Audience != nil {
		format = audienceFormat
	}
	text, err := json.Marshal(about{format, ev.Service, ev.Name, ev.Key, ev.Topic, ev.Order, ev.Audience})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", event.ErrInvalid, err)
	}
	return &nats.Msg{
		Subject: subjectOf(ev.Topic), Data: ev.Data, Header: nats.Header{eventHeader: {string(text)}},
	}, nil
}

// decode reads what encode wrote.
func decode(header nats.Header, data []byte) (event.Event, error) {
	var a about
	err := json.Unmarshal([]byte(header.Get(eventHeader)), &a)
	if err == nil {
		err = natsbroker.CheckFormat(a.Format, audienceFormat)
	}
	if err != nil {
		return event.Event{}, fmt.Errorf("message is no event: %w", err)
	}
	if a.Name == "" {
		return event.Event{}, errors.New("message is no event: it has no name")
	}
	return event.Event{Service: a.Service, Name: a.Name, Key: a.Key, Topic: a.Topic, Order: a.Order, Data: data, Audience: a.Audience}, nil
}

func subjectOf(topic string) string {
	return subjects + natsbroker.Key(strings.Split(topic, "/")...)
}
