package natsregistry

import (
	"encoding/json"
	"fmt"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/domain/connection"
)

// record is what the bucket holds for a request_id.
type record struct {
	Token connection.Token `json:"token"`
	Node  string           `json:"node"`
}

func encode(c connection.Connection) ([]byte, error) {
	return json.Marshal(record{Token: c.Token, Node: c.Node})
}

func decode(id connection.RequestID, text []byte) (connection.Connection, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return connection.Connection{}, fmt.Errorf("record of %s: %w", id, err)
	}
	if r.Token == "" {
		return connection.Connection{}, fmt.Errorf("record of %s names no token", id)
	}
	return connection.Connection{RequestID: id, Token: r.Token, Node: r.Node}, nil
}

func recordKey(id connection.RequestID) string { return natsbroker.Key(byRequestID, string(id)) }

// requestIDOf reads what recordKey wrote.
func requestIDOf(key string) (connection.RequestID, error) {
	parts, err := natsbroker.Parts(key)
	if err != nil || len(parts) != 2 {
		return "", fmt.Errorf("key %q is no request_id's: %w", key, err)
	}
	return connection.RequestID(parts[1]), nil
}

// tokenKey does not show the token, which is a secret and of any length.
func tokenKey(token connection.Token) string {
	return natsbroker.Key(byToken, natsbroker.Digest(string(token)))
}
