package natspublisher

import "time"

// SetPatience sets how long Publish tries.
func (p *Publisher) SetPatience(d time.Duration) { p.patience = d }

// ErrBehind is what Serve may fail with.
var ErrBehind = errBehind

// Functions that are not exported.
var (
	Encode = encode
	Decode = decode
)
