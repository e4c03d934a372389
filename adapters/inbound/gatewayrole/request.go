package gatewayrole

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"heliograph/domain/gateway"
)

// describe returns what the backend learns of a client's request.
func describe(r *http.Request) gateway.Request {
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI() // it was an absolute URL
	}
	return gateway.Request{Target: target, Headers: encodeHeaders(r)}
}

// encodeHeaders makes one string of a header that came once, and a list of one
// that came several times. net/http keeps the host apart from the others.
func encodeHeaders(r *http.Request) json.RawMessage {
	headers := make(map[string]any, len(r.Header)+1)
	headers["host"] = r.Host
	for name, values := range r.Header {
		if len(values) == 1 {
			headers[strings.ToLower(name)] = values[0]
		} else {
			headers[strings.ToLower(name)] = values
		}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(headers); err != nil {
		panic(fmt.Sprintf("gatewayrole: strings cannot be encoded: %v", err)) // encoding/json encodes every string
	}
	return bytes.Clone(bytes.TrimSuffix(text.Bytes(), []byte("\n"))) // as small as can be: it is kept
}
