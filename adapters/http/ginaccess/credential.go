package ginaccess

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"heliograph/adapters/http/paths"
	"heliograph/domain/access"
)

// ticketParameter is the field of the stream's query that holds a ticket (rule A6).
const ticketParameter = "ticket"

// client is the request of a client, as it came or as an external gateway has passed it on.
type client struct {
	header http.Header
	query  string // raw
	host   string
	// remote is the address that the request, or the callback about it, came from.
	remote string
	stream bool // it asks for a stream
	reads  bool // it changes nothing
}

func clientOf(r *http.Request) client {
	return client{
		header: r.Header, query: r.URL.RawQuery, host: r.Host, remote: r.RemoteAddr, stream: r.URL.Path == paths.Stream,
		reads: r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions,
	}
}

// credential returns what the request carries to prove whom it comes from; the zero
// Credential if that is nothing. A ticket counts before the header, and that before the
// cookie, which browsers add by themselves. Errors: *access.RefusedError for an
// Authorization that is not Bearer, which nobody sends by accident.
func (g *Gate) credential(r client) (access.Credential, error) {
	if r.stream {
		if query, err := url.ParseQuery(r.query); err == nil && query.Has(ticketParameter) {
			return access.Credential{Source: access.FromTicket, Text: query.Get(ticketParameter)}, nil
		}
	}
	if given := r.header.Values("Authorization"); len(given) > 0 {
		return bearer(given)
	}
	if text, found := g.fromCookie(r); found {
		return access.Credential{Source: access.FromCookie, Text: text}, nil
	}
	if text, found := g.fromProxy(r); found {
		return access.Credential{Source: access.FromProxy, Text: text}, nil
	}
	return access.Credential{}, nil
}

// bearer reads the header (RFC 6750, section 2.1).
func bearer(values []string) (access.Credential, error) {
	scheme, text, _ := strings.Cut(values[0], " ")
	if text = strings.TrimSpace(text); len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || text == "" {
		return access.Credential{}, access.Refuse(access.RefusedMalformed, `Authorization must be there once and be "Bearer" and the credential`)
	}
	return access.Credential{Source: access.FromHeader, Text: text}, nil
}

func (g *Gate) fromCookie(r client) (text string, found bool) {
	if g.cfg.Cookie == "" {
		return "", false
	}
	cookie, err := (&http.Request{Header: r.header}).Cookie(g.cfg.Cookie)
	if err != nil || cookie.Value == "" {
		return "", false
	}
	return cookie.Value, true
}

// fromProxy returns the values of the headers of a proxy that authenticates, each on a
// line of its own, if the request comes from such a proxy and names a user.
func (g *Gate) fromProxy(r client) (text string, found bool) {
	if len(g.cfg.ProxyHeaders) == 0 || r.header.Get(g.cfg.ProxyHeaders[0]) == "" || !g.trusts(r.remote) {
		return "", false
	}
	var lines []string
	for _, name := range g.cfg.ProxyHeaders {
		lines = append(lines, strings.Join(r.header.Values(name), ","))
	}
	return strings.Join(lines, "\n"), true
}

// trusts reports whether a peer, an address with a port, is one of the proxies.
func (g *Gate) trusts(peer string) bool {
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return false
	}
	address := at.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(g.cfg.Proxies, func(p netip.Prefix) bool { return p.Contains(address) })
}
