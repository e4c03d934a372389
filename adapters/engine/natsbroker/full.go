package natsbroker

import "github.com/nats-io/nats.go/jetstream"

// codeStoreFailed is the code of the error of a stream that discards what is new once it
// is full, among others.
const codeStoreFailed jetstream.ErrorCode = 10077

// Full reports whether err says that a stream which discards nothing old is full.
func Full(err error) bool { return codeOf(err) == codeStoreFailed }

// DiskShare returns want, or a quarter of the disk that an embedded server's folder is on
// if that is less.
func (b *Broker) DiskShare(want int64) int64 {
	if b.cfg.Dir == "" {
		return want
	}
	_, whole, err := diskSpace(b.cfg.Dir)
	if err != nil || uint64(want) <= whole/4 { //nolint:gosec // want is not negative
		return want
	}
	return int64(whole / 4) //nolint:gosec // less than want
}
