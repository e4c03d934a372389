package ginapi

import (
	_ "embed" // for the description
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

//go:embed openapi.yaml
var openAPI string

// unstamped is the version that openapi.yaml has in the repository.
const unstamped = "version: 0.0.0-dev"

// Spec returns the API's description, OpenAPI 3.2 in YAML. It describes the
// routes of all inbound adapters, and the data of each SSE event as the schema
// of the event's name.
func Spec() []byte { return []byte(openAPI) }

// stamp puts the build's version into the description; "" leaves it.
func stamp(text, version string) []byte {
	if version == "" {
		return []byte(text)
	}
	return []byte(strings.Replace(text, unstamped, "version: "+strconv.Quote(version), 1))
}

// describe serves the description.
func (a *API) describe(c *gin.Context) { c.Data(http.StatusOK, "application/yaml", a.description) }
