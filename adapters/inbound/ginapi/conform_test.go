package ginapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"heliograph/adapters/inbound/ginapi"
)

// description is openapi.yaml, read once for all tests.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromData(ginapi.Spec())
})

var router = sync.OnceValues(func() (routers.Router, error) {
	doc, err := description()
	if err != nil {
		return nil, err
	}
	return legacy.NewRouter(doc, openapi3.EnableExamplesValidation())
})

// conform fails unless openapi.yaml allows the answer: its status, its headers,
// its body, and its code among the examples. Where nothing is described, only
// the general errors may be said. A request that was granted must be allowed too.
func conform(t *testing.T, req *http.Request, got answer) {
	t.Helper()
	r, err := router()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	if strings.Contains(strings.ToLower(req.URL.RawPath), "%2f") { // which the router takes for a slash
		if got.status != http.StatusNotFound {
			t.Errorf("%s %s answered %d", req.Method, req.URL, got.status)
		}
		return
	}
	route, params, err := r.FindRoute(req)
	if err != nil || strings.HasSuffix(req.URL.Path, "/") { // which the router, unlike the service, overlooks
		conformUndescribed(t, got)
		return
	}
	request := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if got.status < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(req.Context(), request); err != nil {
			t.Errorf("%s %s was granted\nagainst openapi.yaml: %v", req.Method, req.URL, err)
		}
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: got.status, Header: got.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(req.Context(), input.SetBodyBytes([]byte(got.body))); err != nil {
		t.Errorf("%s %s answered %d %.300s\nagainst openapi.yaml: %v", req.Method, req.URL, got.status, got.body, err)
	}
	conformCode(t, route.Operation, got)
}

func conformUndescribed(t *testing.T, got answer) {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	if code := got.code(); code != "NOT_FOUND" && code != "METHOD_NOT_ALLOWED" {
		t.Errorf("an undescribed path answered %d %.300s", got.status, got.body)
	}
	conformSchema(t, doc, "Error", got.body)
}

// conformSchema fails unless text is what openapi.yaml says of the schema.
func conformSchema(t *testing.T, doc *openapi3.T, name, text string) {
	t.Helper()
	if err := visit(doc, name, text); err != nil {
		t.Errorf("%s is no %s: %v", text, name, err)
	}
}

func visit(doc *openapi3.T, name, text string) error {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return err
	}
	return doc.Components.Schemas[name].Value.VisitJSON(value, openapi3.EnableJSONSchema2020())
}

// conformCode fails for an error whose code its response does not list.
func conformCode(t *testing.T, op *openapi3.Operation, got answer) {
	t.Helper()
	if got.code() == "" {
		return
	}
	for _, response := range []*openapi3.ResponseRef{op.Responses.Status(got.status), op.Responses.Default()} {
		if response == nil {
			continue
		}
		if _, found := response.Value.Content.Get("application/json").Examples[got.code()]; found {
			return
		}
	}
	t.Errorf("%s: code %s of %d is not described", op.OperationID, got.code(), got.status)
}
