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

// record is what the bucket holds for a request_id. A connect writes it as a whole; a
// change of its owner keeps the fields of a later version.
type record struct {
	Format int              `json:"format"`
	Token  connection.Token `json:"token"`
	Node   string           `json:"node"`
}

// knownFields are the names of record's fields.
var knownFields = natsbroker.FieldNames(record{})

// encode returns the record of c, with the unknown fields that decode has returned.
func encode(c connection.Connection, unknown json.RawMessage) ([]byte, error) {
	return natsbroker.EncodeRecord(record{Format: recordFormat, Token: c.Token, Node: c.Node}, unknown)
}

// decode reads the record of a request_id, as any version wrote it.
func decode(id connection.RequestID, text []byte) (c connection.Connection, unknown json.RawMessage, err error) {
	var r record
	unknown, err = natsbroker.DecodeRecord(text, &r, knownFields)
	if err == nil {
		err = natsbroker.CheckFormat(r.Format, recordFormat)
	}
	if err != nil {
		return c, nil, fmt.Errorf("record of %s: %w", id, err)
	}
	if r.Token == "" {
		return c, nil, fmt.Errorf("record of %s names no token", id)
	}
	return connection.Connection{RequestID: id, Token: r.Token, Node: r.Node}, unknown, nil
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
