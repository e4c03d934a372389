package gatewayrole

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/engine/sse/wire"
)

// capabilities are the extensions that a backend may use.
var capabilities = []string{"broadcast", "event-id", "connections"}

// readiness is the answer to GET /readyz.
type readiness struct {
	Status     string `json:"status"`
	Configured bool   `json:"configured"`
	// RabbitMQ and Reasons are the envelope generation's only. That one can take
	// events from RabbitMQ, which is "disabled" here.
	RabbitMQ     string   `json:"rabbitmq,omitempty"`
	Reasons      []string `json:"reasons,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
}

func (g *Gateway) health(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) }

// ready says whether streams can be opened, and which extensions there are. The
// extensions work before streams can be opened, too.
func (g *Gateway) ready(c *gin.Context) {
	status, answer := http.StatusOK, readiness{Status: "ready", Configured: g.cfg.Configured}
	reasons := g.notReady()
	if len(reasons) > 0 {
		status, answer.Status = http.StatusServiceUnavailable, "not_ready"
	}
	if g.cfg.Format == wire.FormatEnvelope {
		answer.RabbitMQ, answer.Reasons = "disabled", reasons
	}
	if !g.cfg.Plain {
		answer.Capabilities = capabilities
	}
	c.JSON(status, answer)
}

// notReady returns why no stream can be opened; none means ready.
func (g *Gateway) notReady() (reasons []string) {
	if !g.cfg.Configured {
		reasons = append(reasons, "CALLBACK_URL not configured")
	}
	if g.draining.Load() {
		reasons = append(reasons, "shutting down")
	}
	return reasons
}
