package gatewayrole

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"heliograph/domain/gateway"
)

// describe returns the part of a client's request that the backend gets.
func describe(r *http.Request) gateway.Request {
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI() // it was an absolute URL
	}
	return gateway.Request{Target: target, Headers: encodeHeaders(r)}
}

// singleHeaders are the headers that may come once only. Node.js keeps the first
// value of these (its documentation, message.headers), and so do we: the gateway
// that this one can stand in for is a Node.js program.
var singleHeaders = map[string]struct{}{
	"age": {}, "authorization": {}, "content-length": {}, "content-type": {}, "etag": {}, "expires": {}, "from": {},
	"host": {}, "if-modified-since": {}, "if-unmodified-since": {}, "last-modified": {}, "location": {},
	"max-forwards": {}, "proxy-authorization": {}, "referer": {}, "retry-after": {}, "server": {}, "user-agent": {},
}

// encodeHeaders makes one string of each header (gateway-protocol, "Gateway →
// backend: callbacks"). net/http keeps the host apart from the others.
func encodeHeaders(r *http.Request) json.RawMessage {
	headers := make(map[string]string, len(r.Header)+1)
	headers["host"] = r.Host
	for name, values := range r.Header {
		if name = strings.ToLower(name); name != "host" {
			headers[name] = joinValues(name, values)
		}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(headers); err != nil {
		panic(fmt.Sprintf("gatewayrole: strings cannot be encoded: %v", err)) // encoding/json encodes every string
	}
	return bytes.Clone(bytes.TrimSuffix(text.Bytes(), []byte("\n"))) // without spare capacity: it is kept
}

// joinValues joins the values of a header as Node.js does. values is not empty.
func joinValues(name string, values []string) string {
	if _, single := singleHeaders[name]; single {
		return values[0]
	}
	if name == "cookie" {
		return strings.Join(values, "; ")
	}
	return strings.Join(values, ", ")
}
