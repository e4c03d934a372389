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

// Spec returns the API's description, OpenAPI 3.1 in YAML. It describes the
// routes of all inbound adapters, and the data of each SSE event as the schema
// of the event's name.
func Spec() []byte { return []byte(openAPI) }

// describe serves the description, stamped with the build's version.
func (a *API) describe(c *gin.Context) {
	text := openAPI
	if a.cfg.Version != "" {
		text = strings.Replace(text, unstamped, "version: "+strconv.Quote(a.cfg.Version), 1)
	}
	c.Data(http.StatusOK, "application/yaml", []byte(text))
}
