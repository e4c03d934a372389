package natsregistry

import (
	"encoding/json"
	"fmt"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

// recordFormat is that of the records that are written; the first ones have none. It
// grows when an earlier version must not read them any more.
const recordFormat = 1

// record is what the bucket holds for a request_id. Each connect writes it as a whole.
type record struct {
	Format int              `json:"format"`
	Token  connection.Token `json:"token"`
	Node   string           `json:"node"`
}

func encode(c connection.Connection) ([]byte, error) {
	return json.Marshal(record{Format: recordFormat, Token: c.Token, Node: c.Node})
}

func decode(id connection.RequestID, text []byte) (connection.Connection, error) {
	var r record
	err := json.Unmarshal(text, &r)
	if err == nil {
		err = natsbroker.CheckFormat(r.Format, recordFormat)
	}
	if err != nil {
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
