package natspublisher

import "time"

// SetPublishTime sets how long Publish tries.
func (p *Publisher) SetPublishTime(d time.Duration) { p.publishTime = d }

// ErrBehind is what Serve may fail with.
var ErrBehind = errBehind

// Functions that are not exported.
var (
	Encode = encode
	Decode = decode
)
