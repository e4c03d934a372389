package natspending

import (
	"encoding/json"

	"github.com/nats-io/nats.go"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// recordHeader holds all of a record but the payload, which is the message's own. So
// a node of the first version, which knows the payload alone, reads the record too.
const recordHeader = "Heliograph-Version"

// recordFormat is that of the records that are written; the first ones have no header.
// It grows when an earlier version must not read them any more.
const recordFormat = 1

// record is what recordHeader holds, as JSON.
type record struct {
	Format int `json:"format"`
}

// encode returns the record of the pending version of a request_id.
func encode(id connection.RequestID, v version.Version) (*nats.Msg, error) {
	text, err := json.Marshal(record{Format: recordFormat})
	if err != nil {
		return nil, err
	}
	return message(id, string(text), v.Payload()), nil
}

func message(id connection.RequestID, header string, payload []byte) *nats.Msg {
	msg := nats.NewMsg(natsbroker.BucketSubject(bucketName, keyOf(id)))
	msg.Data = payload
	if header != "" {
		msg.Header.Set(recordHeader, header)
	}
	return msg
}

// decode reads a record, as any version wrote it.
func decode(header string, payload []byte) (version.Version, error) {
	var r record
	if header != "" {
		if err := json.Unmarshal([]byte(header), &r); err != nil {
			return version.Version{}, err
		}
	}
	if err := natsbroker.CheckFormat(r.Format, recordFormat); err != nil {
		return version.Version{}, err
	}
	return version.Parse(payload)
}

func keyOf(id connection.RequestID) string { return natsbroker.Key(string(id)) }
