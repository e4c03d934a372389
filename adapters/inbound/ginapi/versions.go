package ginapi

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
	"heliograph/domain/connection"
	"heliograph/domain/version"
)

func (a *API) announceVersion(c *gin.Context) error {
	id, v, err := readAnnouncement(c)
	if err != nil {
		return err
	}
	if err := a.deps.Versions.Announce(c.Request.Context(), id, v); err != nil {
		return err
	}
	return reply(c, http.StatusAccepted, map[string]bool{"delivered": true})
}

func (a *API) currentVersion(c *gin.Context) error {
	v, err := a.deps.Versions.Current(c.Request.Context())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, v.Payload())
}

// readAnnouncement reads a version and the request_id that it is for, "" when
// the body has none. All other fields belong to the version and keep their values
// byte by byte (rule V4).
func readAnnouncement(c *gin.Context) (connection.RequestID, version.Version, error) {
	var fields map[string]json.RawMessage
	if err := decode(c, &fields, `the body must be an object with a string "version"`); err != nil {
		return "", version.Version{}, err
	}
	id, err := takeRequestID(fields)
	if err != nil {
		return "", version.Version{}, err
	}
	payload, err := encode(fields)
	if err != nil {
		return "", version.Version{}, err
	}
	v, err := version.Parse(payload)
	return id, v, err
}

// takeRequestID removes the request_id from fields; it returns "" if there is
// none. Errors: connection.ErrInvalidRequestID.
func takeRequestID(fields map[string]json.RawMessage) (connection.RequestID, error) {
	raw, found := fields["request_id"]
	if !found {
		return "", nil
	}
	delete(fields, "request_id")
	var text string
	if err := ginjson.Decode(raw, &text); err != nil {
		return "", fmt.Errorf("%w: it must be a string", connection.ErrInvalidRequestID)
	}
	return connection.ParseRequestID(text)
}
