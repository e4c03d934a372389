package ginaccess_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginaccess"
	"heliograph/domain/access"
)

func TestTheAddressIsTheClientsBehindTrustedProxiesOnly(t *testing.T) { // A10
	gin.SetMode(gin.ReleaseMode)
	for name, c := range map[string]struct {
		proxies []string
		headers []string // of X-Forwarded-For
		want    string
	}{
		"no proxy is trusted":         {nil, []string{"203.0.113.9"}, "192.0.2.1"},
		"the peer is trusted":         {[]string{"192.0.2.0/24"}, []string{"203.0.113.9"}, "203.0.113.9"},
		"the client made the first":   {[]string{"192.0.2.1"}, []string{"198.51.100.7, 203.0.113.9"}, "203.0.113.9"},
		"two trusted proxies":         {[]string{"192.0.2.1", "203.0.113.9"}, []string{"198.51.100.7, 203.0.113.9"}, "198.51.100.7"},
		"another proxy is trusted":    {[]string{"198.51.100.1"}, []string{"203.0.113.9"}, "192.0.2.1"},
		"a trusted peer sends no one": {[]string{"192.0.2.1"}, nil, "192.0.2.1"},
	} {
		e := gin.New()
		e.RemoteIPHeaders = []string{"X-Forwarded-For"}
		if err := e.SetTrustedProxies(c.proxies); err != nil {
			t.Fatal(err)
		}
		var got string
		e.GET("/", ginaccess.WithAddress, func(c *gin.Context) { got = access.AddressFromContext(c.Request.Context()) })
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody) // its peer is 192.0.2.1
		for _, value := range c.headers {
			r.Header.Add("X-Forwarded-For", value)
		}
		r.Header.Set("X-Real-IP", "203.0.113.77")
		if e.ServeHTTP(httptest.NewRecorder(), r); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
