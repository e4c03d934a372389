package httpserver

// Limits say what of the process's descriptors connections may take. A zero value
// is no limit.
type Limits struct {
	Connections int // those of streams included
	Streams     int // less, so that there are some left for everything else
}

const (
	// minReserve is the least that is kept for the broker's files, commands and
	// connections to other programs. A tenth of all descriptors is, if that is more.
	minReserve = 64
	// minOthers and maxOthers bound how many connections are kept for what is no
	// stream: a tenth, in between.
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
