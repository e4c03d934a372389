package natspublisher

import "time"

// SetTryTime sets how long Publish tries.
func (p *Publisher) SetTryTime(d time.Duration) { p.tryTime = d }

// ErrBehind is what Serve may fail with.
var ErrBehind = errBehind

// Functions that are not exported.
var (
	Encode = encode
	Decode = decode
)
