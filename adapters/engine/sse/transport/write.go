package transport

import (
	"errors"
	"time"
)

// write writes what there is for s until its socket takes no more.
func (sh *Shard[S]) write(s S) {
	socket := s.Socket()
	for {
		step, err := s.Next(sh.buf[:0])
		if err != nil {
			sh.drop(s, err)
			return
		}
		if len(step.Bytes) == 0 {
			return
		}
		n, err := sh.Kernel.Write(int(socket.fd), step.Bytes[socket.partial:])
		if err != nil && !errors.Is(err, ErrBlocked) {
			sh.drop(s, err)
			return
		}
		sh.account.wrote(n)
		if final := sh.wrote(s, &step, int(socket.partial)+n); final {
			sh.drop(s, ErrEnded)
			return
		}
		if socket.partial > 0 || n == 0 {
			sh.block(s)
			return
		}
	}
}

// block leaves s alone until its socket takes more.
func (sh *Shard[S]) block(s S) {
	socket := s.Socket()
	socket.blocked = time.Now().UnixNano()
	if socket.waits {
		return // edges come again without being asked for
	}
	socket.waits = true
	if err := sh.Kernel.Watch(int(socket.fd), socket.generation, true); err != nil {
		sh.drop(s, err)
	}
}

// wrote moves s on after the first n bytes of a step, and reports whether they
// were its last.
func (sh *Shard[S]) wrote(s S, st *Step, n int) (final bool) {
	if st.Private {
		n, final = s.WrotePrivate(n)
	} else if n == len(st.Bytes) {
		n = 0
		sh.account.moved(s.MoveTo(st.To), st.To.Events())
	}
	s.Socket().partial = int32(n)
	return final
}

// settle works off what the poller found, and lets it go on.
func (sh *Shard[S]) settle(ready []Readiness) {
	for _, r := range ready {
		if s := sh.table.of(r); s != sh.table.none {
			sh.react(s, r)
		}
	}
	sh.used <- struct{}{}
}

func (sh *Shard[S]) react(s S, r Readiness) {
	socket := s.Socket()
	if r.Readable || r.Broken {
		n, err := sh.Kernel.Discard(r.FD)
		socket.received += int32(n) //nolint:gosec // bounded by discard
		blocked := errors.Is(err, ErrBlocked)
		switch {
		case err != nil && !blocked:
			sh.drop(s, err)
			return
		case r.Broken, socket.received > MaxClientBytes: // the client does not speak this protocol
			sh.drop(s, ErrClientGone)
			return
		}
	}
	if r.Writable && socket.blocked != 0 {
		socket.blocked = 0
		sh.write(s)
	}
}

// drop ends a stream: its socket is closed.
func (sh *Shard[S]) drop(s S, why error) {
	sh.Close(s)
	sh.table.remove(s)
	s.Ended(why)
}

// Close closes a stream's socket.
func (sh *Shard[S]) Close(s S) {
	sh.Kernel.Close(int(s.Socket().fd))
	sh.Open.Add(-1)
}
