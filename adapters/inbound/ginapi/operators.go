package ginapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"heliograph/domain/cluster"
	"heliograph/domain/event"
	"heliograph/domain/overview"
	"heliograph/domain/version"
)

// The paths of Operators.
const (
	LogPath      = "/api/log"
	HealthPath   = "/api/health"
	SettingsPath = "/api/settings"
	NodesPath    = "/api/nodes"
	QueuePath    = "/api/queue"
	WorkersPath  = "/api/workers"
	VersionsPath = "/api/versions"
)

// OperatorDeps are what an Operators calls. All are required.
type OperatorDeps struct {
	Log      event.LogReader
	Overview overview.Service
	Versions version.Overview
	// Source is the kind of the version source: url, file, fixed or none.
	Source string
	// Broker is the kind of the broker: memory, disk or nats.
	Broker string
	// Self is this node.
	Self cluster.Identity
	// Checks makes the checks of readiness and returns what they found, sorted by name.
	Checks func(context.Context) []Check
	// Settings returns the configuration, in the order in which it is described.
	Settings func() []Setting
}

// Operators holds the handlers for what those who run the service look at (rules W5, W7): they
// only read, and all need the scope admin. It is safe for concurrent use.
type Operators struct {
	deps OperatorDeps
	log  *slog.Logger
}

// NewOperators returns an Operators. It starts nothing.
func NewOperators(deps OperatorDeps, log *slog.Logger) *Operators {
	return &Operators{deps: deps, log: log}
}

// Register adds the routes to r, which is the root.
func (o *Operators) Register(r gin.IRouter) {
	for path, answer := range map[string]func(*gin.Context) (any, error){
		LogPath: o.readLog, HealthPath: o.readHealth, SettingsPath: o.readSettings,
		NodesPath: o.readNodes, QueuePath: o.readQueue, WorkersPath: o.readWorkers, VersionsPath: o.readVersions,
	} {
		r.GET(path, handle(o.log, func(c *gin.Context) error {
			v, err := answer(c)
			if err != nil {
				return err
			}
			c.Header("Cache-Control", "no-store")
			return reply(c, http.StatusOK, v)
		}))
	}
}

const (
	// defaultEntries and maxEntries are how many entries a page for operators has at most.
	defaultEntries = 100
	maxEntries     = 1000
)

// parseNumber reads a parameter that is a number from 1 to most; without one it is
// otherwise. Errors: *ginjson.Error with INVALID_QUERY.
func parseNumber(values url.Values, name string, otherwise, most int) (int, error) {
	text := values.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, invalidQuery(name + " must be a number from 1 to " + strconv.Itoa(most))
	}
	return n, nil
}
