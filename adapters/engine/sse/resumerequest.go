package sse

import (
	"heliograph/domain/access"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// resumeRequest holds what a client says that it has got, and what was found out about
// it.
type resumeRequest struct {
	viewer  access.Viewer      // what the stream may see
	id      event.ID           // the last event that it has got, missed included; zero if none
	missed  [][]byte           // frames that it needs before those that follow id
	events  uint64             // in missed
	bytes   int                // of missed
	scanned int                // events that the broker was asked for
	reset   stream.ResetReason // why it must fetch the state anew; "" if it need not
}

// newResumeRequest parses a Last-Event-ID for a log of that epoch.
func newResumeRequest(epoch, lastEventID string) resumeRequest {
	if lastEventID == "" {
		return resumeRequest{}
	}
	id, err := event.ParseID(lastEventID)
	switch {
	case err != nil:
		return resumeRequest{reset: stream.ResetInvalid}
	case id.Epoch != epoch:
		return resumeRequest{reset: stream.ResetEpoch}
	}
	return resumeRequest{id: id}
}

// expire records that the client cannot get all events that it missed: the broker no
// longer has them, or they are too many for its stream.
func (r *resumeRequest) expire() {
	*r = resumeRequest{viewer: r.viewer, id: r.id, reset: stream.ResetExpired}
}

// single reports whether the client's stream does not read the log that is for everyone.
func (r *resumeRequest) single() bool { return r.viewer.Single && !r.viewer.All }
