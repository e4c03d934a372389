package gatewayrole

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// cors lets pages of any origin read the streams (gateway-protocol, "Other
// endpoints").
var cors = [][2]string{
	{"Access-Control-Allow-Origin", "*"},
	{"Access-Control-Allow-Methods", "GET, POST, OPTIONS"},
	{"Access-Control-Allow-Headers", "Content-Type, Cache-Control, Last-Event-ID, Authorization"},
}

func allowOrigins(c *gin.Context) {
	for _, h := range cors {
		c.Writer.Header().Set(h[0], h[1])
	}
}

// preflight answers OPTIONS on any path.
func preflight(c *gin.Context) {
	if c.Request.Method != http.MethodOptions {
		return
	}
	allowOrigins(c)
	c.AbortWithStatus(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}
