package natsregistry

import (
	"encoding/json"
	"fmt"
	"reflect"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/internal/principaljson"
	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// Formats of the records that are written; the first ones have none. The format grows when
// an earlier version must not read them any more: one that knows formats up to 1 would take
// the stream of a principal for one that may be anybody's.
const (
	recordFormat    = 1
	principalFormat = 2
)

// record is what the bucket holds for a request_id. A connect writes it as a whole; a
// change of its owner keeps the fields of a later version.
type record struct {
	Format    int              `json:"format"`
	Token     connection.Token `json:"token"`
	Node      string           `json:"node"`
	Principal json.RawMessage  `json:"principal,omitempty"` // of package principaljson
}

// knownFields are the names of record's fields.
var knownFields = natsbroker.FieldNames(record{})

// unknownFields are those of a later version.
type unknownFields struct {
	record    json.RawMessage
	principal json.RawMessage // as a whole
}

// encode returns the record of c, with the unknown fields that decode has returned.
func encode(c connection.Connection, unknown unknownFields) ([]byte, error) {
	r := record{Format: recordFormat, Token: c.Token, Node: c.Node}
	if c.Principal != nil {
		r.Format, r.Principal = principalFormat, unknown.principal
	}
	if c.Principal != nil && r.Principal == nil {
		text, err := principaljson.Encode(c.Principal)
		if err != nil {
			return nil, err
		}
		r.Principal = text
	}
	return natsbroker.EncodeRecord(r, unknown.record)
}

// decode reads the record of a request_id, as any version wrote it.
func decode(id connection.RequestID, text []byte) (c connection.Connection, unknown unknownFields, err error) {
	var r record
	unknown.record, err = natsbroker.DecodeRecord(text, &r, knownFields)
	if err == nil {
		err = natsbroker.CheckFormat(r.Format, principalFormat)
	}
	var p *access.Principal
	if err == nil && r.Principal != nil {
		unknown.principal = r.Principal
		p, err = principaljson.Decode(r.Principal)
	}
	if err != nil {
		return c, unknownFields{}, fmt.Errorf("record of %s: %w", id, err)
	}
	if r.Token == "" {
		return c, unknownFields{}, fmt.Errorf("record of %s names no token", id)
	}
	return connection.Connection{RequestID: id, Token: r.Token, Node: r.Node, Principal: p}, unknown, nil
}

// of returns those fields of now's record that are about next, too: another connection has
// none of them, and another credential none of the principal's.
func (u unknownFields) of(now, next connection.Connection) unknownFields {
	if now.Token != next.Token {
		return unknownFields{}
	}
	if !reflect.DeepEqual(now.Principal, next.Principal) {
		u.principal = nil
	}
	return u
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
