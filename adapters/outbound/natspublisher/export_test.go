package natspublisher

import "time"

// SetPatience sets how long Publish tries.
func (p *Publisher) SetPatience(d time.Duration) { p.patience = d }

// What Serve may fail with.
var (
	ErrGone   = errGone
	ErrBehind = errBehind
)

// Functions that are not exported.
var (
	Encode = encode
	Decode = decode
	Leads  = leads
)
