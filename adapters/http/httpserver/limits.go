package httpserver

// Limits say how many of the process's file descriptors connections may use. Zero is
// no limit.
type Limits struct {
	Connections int // including those of streams
	Streams     int // fewer, so that some connections are left for other requests
}

const (
	// minReserve is how many descriptors are kept for the broker's files, commands and
	// connections to other programs, unless a tenth of all is more.
	minReserve = 64
	// minOthers and maxOthers bound the tenth of all connections that streams may not
	// have.
	minOthers = 16
	maxOthers = 64
)

// LimitsFor returns the limits for a process that may have so many descriptors.
func LimitsFor(descriptors uint64) Limits {
	const many = 1 << 24 // more than any machine has; it stands for no limit
	if descriptors == 0 || descriptors >= many {
		return Limits{}
	}
	all := int(descriptors)
	reserve := max(minReserve, all/10) //nolint:mnd // a tenth
	connections := max(all-reserve, all/2)
	others := min(max(connections/10, minOthers), maxOthers, connections/2) //nolint:mnd // a tenth
	return Limits{Connections: connections, Streams: connections - others}
}
