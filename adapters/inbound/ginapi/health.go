package ginapi

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

func (a *API) health(c *gin.Context) error {
	return reply(c, http.StatusOK, map[string]string{"status": "ok"})
}

// ready is the answer of /readyz; a check is "ok" or what is wrong.
type ready struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks"`
}

func (a *API) readiness(c *gin.Context) error {
	answer, status := ready{Status: "ready", Checks: map[string]string{}}, http.StatusOK
	for name, err := range a.deps.Readiness(c.Request.Context()) {
		answer.Checks[name] = "ok"
		if err != nil {
			answer.Checks[name] = err.Error()
			answer.Status, status = "not_ready", http.StatusServiceUnavailable
		}
	}
	return reply(c, status, answer)
}
