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

// Writing returns of how many connections the records are being written or deleted.
func (r *Registry) Writing() int {
	r.own.writes.mu.Lock()
	defer r.own.writes.mu.Unlock()
	return len(r.own.writes.underWay)
}

// Encode and Decode are the stored form of a connection.
var Encode, Decode = encode, decode

// NothingUnknown is for Encode.
var NothingUnknown unknownFields
