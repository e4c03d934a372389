package natsnodes

import (
	"encoding/json"
	"fmt"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/cluster"
)

// recordFormat is that of the records that are written; the first ones have none. It
// grows when an earlier version must not read them any more.
const recordFormat = 1

// record is what the bucket holds for a node. Only the node itself writes it.
type record struct {
	Format int          `json:"format"`
	Life   cluster.Life `json:"life"`
	// Joined is the node's clock at its start. It only makes an order.
	Joined time.Time `json:"joined"`
	// Version and BuiltFrom are the build's, for people; "" from earlier versions.
	Version   string `json:"version,omitempty"`
	BuiltFrom string `json:"revision,omitempty"`
}

// decode reads the record of the node that has the key.
func decode(key string, text []byte) (r record, err error) {
	if err := json.Unmarshal(text, &r); err != nil {
		return record{}, err
	}
	if err := natsbroker.CheckFormat(r.Format, recordFormat); err != nil {
		return record{}, err
	}
	if natsbroker.Key(r.Life.Node()) != key {
		return record{}, fmt.Errorf("life %q is no life of the node", r.Life)
	}
	return r, nil
}
