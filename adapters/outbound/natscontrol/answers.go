package natscontrol

import (
	"errors"
	"fmt"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
)

// done is the answer that says that all went well.
const done = "ok"

// words are the answers that say which error it was.
var words = map[string]error{
	"unknown_token": gateway.ErrUnknownToken,
	"stream_full":   gateway.ErrStreamFull,
	"closed":        gateway.ErrClosed,
	"invalid":       event.ErrInvalid,

	"not_found":       connection.ErrNotFound,
	"other_principal": connection.ErrOtherPrincipal,
	"unavailable":     connection.ErrUnavailable,

	"too_many":      output.ErrTooMany,
	"shutting_down": output.ErrShuttingDown,
}

// wordFor is the answer for what became of a request. What has no word is sent
// as it is.
func wordFor(err error) string {
	if err == nil {
		return done
	}
	for word, known := range words {
		if errors.Is(err, known) {
			return word
		}
	}
	return err.Error()
}

// outcome reads what wordFor wrote.
func outcome(word string) error {
	switch known := words[word]; {
	case word == done:
		return nil
	case known != nil:
		return fmt.Errorf("other node: %w", known)
	default:
		return fmt.Errorf("other node: %s", word)
	}
}
