package gatewayrole

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// capabilities are the extensions that a backend may use.
var capabilities = []string{"broadcast", "event-id", "connections"}

func (g *Gateway) health(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) }

// ready says whether streams can be opened. What a backend may use it may use
// before that, too.
func (g *Gateway) ready(c *gin.Context) {
	status, text := http.StatusOK, "ready"
	if !g.cfg.Configured || g.draining.Load() {
		status, text = http.StatusServiceUnavailable, "not_ready"
	}
	announced := capabilities
	if g.cfg.Plain {
		announced = nil
	}
	c.JSON(status, struct {
		Status       string   `json:"status"`
		Configured   bool     `json:"configured"`
		Capabilities []string `json:"capabilities,omitempty"`
	}{text, g.cfg.Configured, announced})
}
