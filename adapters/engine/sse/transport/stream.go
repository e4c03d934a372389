package transport

import "heliograph/adapters/engine/sse/log"

// Step is what to write next.
type Step struct {
	Bytes   []byte
	Private bool // Bytes are of private events; otherwise of the log, up to the position To
	To      log.Position
	ID      []byte // goes before Bytes; of a private event, if that was not copied
}

// Gathered bounds how many bytes of private events are written at a time.
const Gathered = 64 << 10

// Stream is what a shard writes. Its methods are called by one goroutine at a time.
type Stream interface { //nolint:interfacebloat // one thing, seen by its writer: two interfaces would always go together
	comparable
	// Socket is the shard's part of the stream.
	Socket() *Socket
	// Next returns what to write, as it goes over the wire and with private events put
	// together in buf; no bytes mean that there is nothing yet. Until WrotePrivate or MoveTo
	// records progress it returns the same again, and perhaps more. An error ends the
	// stream.
	Next(buf []byte) (Step, error)
	// WrotePrivate says that n bytes of private events are written. It returns how many
	// bytes of the next one that includes, and whether the last event of all was among them.
	WrotePrivate(n int) (rest int, final bool)
	// MoveTo says that the log is written up to a position. The stream had the events up to
	// number from before.
	MoveTo(to log.Position) (from uint64)
	// BehindLog reports whether what it is to write next is before offset tail.
	BehindLog(tail uint64) bool
	// Ended says that its socket is closed, and why.
	Ended(why error)
}

// Socket is a shard's part of a stream. Its zero value is no socket.
type Socket struct {
	blocked    int64 // when the socket took no more, in Unix nanoseconds; 0 if it does
	fd         int32 // -1 once it is closed
	generation int32 // distinguishes it from others that have or had the same fd
	slot       int32 // index in table.streams, -1 before
	partial    int32 // bytes of the step at hand that are written
	received   int32 // bytes that the client sent
	waits      bool  // for writability, which most never have to
	listed     bool  // in the inbox; guarded by inbox.mu
	chunked    bool  // what is written to it; set before a shard has it
}

// NewSocket is a socket that a kernel took, before a shard has it.
func NewSocket(fd int, chunked bool) Socket {
	return Socket{fd: int32(fd), slot: -1, chunked: chunked} //nolint:gosec // descriptors are small
}

// Chunked reports whether what is written to it is in chunks.
func (s *Socket) Chunked() bool { return s.chunked }

// Midway reports whether a step is written in part.
func (s *Socket) Midway() bool { return s.partial > 0 }
