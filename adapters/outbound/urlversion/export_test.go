package urlversion

import (
	"context"
	"net"
	"net/http"
)

// DialThrough has s connect through dial, so that tests can have fake time.
func (s *Source) DialThrough(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	s.client.Transport = &http.Transport{DialContext: dial}
}
