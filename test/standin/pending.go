package standin

// pending is what a stream gets once it is open: first what was pushed to it,
// then the broadcasts since it was asked for.
//
// A backend that sees to a client's Last-Event-ID pushes what the client missed,
// which may be there as a broadcast as well: it goes out once. Whatever else
// carries the ID of a broadcast follows that.
type pending struct {
	lastEventID string // the client has got everything up to here
	pushed      []pushed
	broadcasts  []pushed
}

func (b *pending) add(p pushed) {
	if p.toAll {
		b.broadcasts = append(b.broadcasts, p)
		if p.id != "" && p.id == b.lastEventID {
			b.broadcasts = nil // repeated by a backend that had no answer
		}
		return
	}
	for i, known := range b.broadcasts {
		if p.id == "" || known.id != p.id || !known.toAll {
			continue
		}
		if p.name == "stream_reset" || p.name == known.name && p.data == known.data {
			b.broadcasts = b.broadcasts[i+1:]
			break
		}
		rest := append([]pushed{p}, b.broadcasts[i+1:]...)
		b.broadcasts = append(b.broadcasts[:i+1:i+1], rest...)
		return
	}
	b.pushed = append(b.pushed, p)
}

func (b *pending) all() []pushed { return append(b.pushed, b.broadcasts...) }
