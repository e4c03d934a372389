package jwtauth

import "net/http"

// SetTransport has the keys fetched through t.
func (a *Authenticator) SetTransport(t http.RoundTripper) { a.keys.(*remote).client.Transport = t }
