package httpserver_test

import (
	"testing"

	"heliograph/adapters/http/httpserver"
)

func TestDescriptorReserve(t *testing.T) {
	for descriptors, want := range map[uint64]httpserver.Limits{
		0:         {},
		1 << 63:   {}, // unlimited
		64:        {Connections: 32, Streams: 16},
		300:       {Connections: 236, Streams: 213},
		1024:      {Connections: 922, Streams: 858},
		20_000:    {Connections: 18_000, Streams: 17_936},
		1_048_576: {Connections: 943_719, Streams: 943_655},
	} {
		if got := httpserver.LimitsFor(descriptors); got != want {
			t.Errorf("%d descriptors: %+v, want %+v", descriptors, got, want)
		}
	}
}
