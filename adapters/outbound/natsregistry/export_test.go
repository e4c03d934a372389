package natsregistry

import "context"

// HoldDeletes keeps every deletion waiting until release is called.
func (r *Registry) HoldDeletes() (release func()) {
	held := make(chan struct{})
	for range maxDeletes {
		r.deletes.add(func(context.Context) { <-held })
	}
	return func() { close(held) }
}

// Encode and Decode are the stored form of a connection.
var Encode, Decode = encode, decode

// NothingUnknown is for Encode.
var NothingUnknown unknownFields
