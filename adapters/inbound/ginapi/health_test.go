package ginapi_test

import (
	"errors"
	"net/http"
	"testing"

	"heliograph/adapters/inbound/ginapi"
)

func TestLivenessChecksNoDependency(t *testing.T) {
	s := newService(t, ginapi.Config{})
	s.checks = map[string]error{"broker": errors.New("down")}
	s.ask(t, http.MethodGet, "/healthz", "").wantJSON(t, http.StatusOK, `{"status":"ok"}`)
}

func TestReadinessNamesEachDependency(t *testing.T) {
	for _, tc := range []struct {
		checks map[string]error
		status int
		want   string
	}{
		{nil, http.StatusOK, `{"status":"ready","checks":{}}`},
		{map[string]error{"broker": nil, "gateway": nil}, http.StatusOK, `{"status":"ready","checks":{"broker":"ok","gateway":"ok"}}`},
		{
			map[string]error{"broker": nil, "service": errors.New("shutting down")}, // T15
			http.StatusServiceUnavailable, `{"status":"not_ready","checks":{"broker":"ok","service":"shutting down"}}`,
		},
	} {
		s := newService(t, ginapi.Config{})
		s.checks = tc.checks
		s.ask(t, http.MethodGet, "/readyz", "").wantJSON(t, tc.status, tc.want)
	}
}
