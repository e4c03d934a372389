package bootstrap

import (
	"time"

	"heliograph/domain/event"
)

// Config is everything that can be set from outside: one field for each
// environment variable, which are all described in docs/configuration.md. A
// variable that is set to the empty text counts as not set.
type Config struct {
	// Environment decides what is open to whom; see the constants.
	Environment Environment `env:"APP_ENV" envDefault:"development"`
	// NodeName is this node's name in a cluster and in its logs.
	NodeName string `env:"NODE_NAME"` // default: the host's name
	// ShutdownGrace bounds the whole of a shutdown (rule T15).
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE_PERIOD" envDefault:"30s"`

	HTTP     HTTPConfig
	Auth     AuthConfig
	Gateway  GatewayConfig
	Stream   StreamConfig
	Broker   BrokerConfig
	Versions VersionsConfig
	Tasks    TasksConfig
	Limits   LimitsConfig
	Log      LogConfig

	given given
}

// Environment is the kind of place that the service runs in.
type Environment string

// The environments.
const (
	Development Environment = "development" // demo tasks can be started
	Testing     Environment = "testing"     // and so can the routes under /api/testing
	Production  Environment = "production"  // neither; callbacks must carry their secret
)

// HTTPConfig is for the service's own listener.
type HTTPConfig struct {
	// Addr is host:port; an empty host is every interface, port 0 any free one.
	Addr string `env:"HTTP_ADDR"` // default: localhost:8080, and :8080 in production (rule S5)
	// CORSOrigins are the origins of pages that may use the service from elsewhere,
	// with credentials (rules S5, S6).
	CORSOrigins List `env:"CORS_ORIGINS"`
	// AllowedHosts are names by which the service may be called, beside loopback and
	// its address. In production with none, any name may.
	AllowedHosts List `env:"ALLOWED_HOSTS"`
	// AdminAddr is host:port of a listener for operators: metrics and profiles, without
	// authentication (rule A10). Without it metrics are on Addr.
	AdminAddr string `env:"ADMIN_ADDR"`
	// Console is what the page at "/" offers (rules W).
	Console Console `env:"CONSOLE"` // default: full, and off in production
	// TrustedProxies are addresses or networks of the proxies in front: what they say in
	// X-Forwarded-For counts.
	TrustedProxies List `env:"TRUSTED_PROXIES"`
}

// Console is what the page at "/" offers.
type Console string

// What it can be.
const (
	ConsoleOff  Console = "off"  // there is no page
	ConsoleRead Console = "read" // it shows everything, and changes nothing
	ConsoleFull Console = "full"
)

// Gateway says what holds the browsers' streams.
type Gateway string

// The gateways.
const (
	GatewayEmbedded Gateway = "embedded" // this process
	GatewayHTTP     Gateway = "http"     // an external SSE gateway, over HTTP
)

// GatewayConfig chooses the gateway and says how to talk to an external one.
type GatewayConfig struct {
	Kind Gateway `env:"SSE_GATEWAY" envDefault:"embedded"`
	// URL is where the external gateway's /internal endpoints are.
	URL URL `env:"SSE_GATEWAY_URL" envDefault:"http://localhost:3000"`
	// Timeout is for one push.
	Timeout time.Duration `env:"SSE_GATEWAY_TIMEOUT" envDefault:"5s"`
	// Parallel is how many pushes are under way at most, each on a connection that
	// is kept alive.
	Parallel int `env:"SSE_GATEWAY_PARALLEL" envDefault:"64"`
	// Secret is what the external gateway's /internal endpoints ask for: its
	// INTERNAL_SECRET.
	Secret Secret `env:"SSE_GATEWAY_SECRET"`
	// CallbackSecret is what the external gateway's callbacks carry (rule S2).
	CallbackSecret Secret `env:"SSE_CALLBACK_SECRET"`
	// ObserverTimeout is for one observer and one connection (rule C5).
	ObserverTimeout time.Duration `env:"SSE_OBSERVER_TIMEOUT" envDefault:"5s"`
}

// maxWritten bounds what is written of an event's payload; 0 is no bound.
func (c GatewayConfig) maxWritten() int {
	if c.Kind == GatewayHTTP {
		return event.MaxWritten
	}
	return 0
}

// EventFormat is how events are written to streams (gateway-protocol).
type EventFormat string

// The formats.
const (
	FormatNamed    EventFormat = "named"
	FormatEnvelope EventFormat = "envelope"
)

// Transport is how the embedded gateway writes to browsers.
type Transport string

// The transports.
const (
	TransportAuto     Transport = "auto"     // sockets are taken over where that is possible
	TransportPortable Transport = "portable" // always one goroutine per stream
)

// StreamConfig is for the events and, with the embedded gateway, the streams.
type StreamConfig struct {
	// Heartbeat is the silence after which a comment is sent; 0 turns it off.
	Heartbeat time.Duration `env:"SSE_HEARTBEAT_INTERVAL" envDefault:"15s"`
	// Ping is how often the event "ping" goes through the whole path; 0 is never.
	Ping time.Duration `env:"SSE_PING_INTERVAL" envDefault:"15s"`
	// History bounds the log, whose oldest events make room for new ones.
	History ByteSize `env:"SSE_HISTORY_BYTES" envDefault:"16MiB"`
	// MaxEvent bounds one event's payload (rule E8).
	MaxEvent ByteSize `env:"SSE_MAX_EVENT_BYTES" envDefault:"64KiB"`
	// MaxConnections bounds the open streams; 0 is no limit.
	MaxConnections int `env:"SSE_MAX_CONNECTIONS" envDefault:"0"`
	// DrainSpread is the span over which clients come back after a shutdown (G8).
	DrainSpread time.Duration `env:"SSE_DRAIN_SPREAD" envDefault:"10s"`
	Format      EventFormat   `env:"SSE_EVENT_FORMAT" envDefault:"named"`
	Transport   Transport     `env:"SSE_TRANSPORT" envDefault:"auto"`
}

// BrokerConfig chooses the broker: with all of it empty it is this process's
// memory.
type BrokerConfig struct {
	// DataDir is a folder for everything that is to survive a restart of this one
	// node.
	DataDir string `env:"DATA_DIR"`
	// NATSURL is one or more servers of a NATS cluster that all nodes share, with
	// commas between them; NATSCreds is the path of a credentials file for it.
	NATSURL   URLs   `env:"NATS_URL"`
	NATSCreds string `env:"NATS_CREDS"`
	// NATSCA is the path of the certificates that those of the servers must be signed
	// by, in PEM; "" is the system's. NATSCert and NATSKey are the paths of this node's
	// own certificate and its key; both or none.
	NATSCA   string `env:"NATS_CA"`
	NATSCert string `env:"NATS_CERT"`
	NATSKey  string `env:"NATS_KEY"`
	// NodeLease is how long a node of a cluster may send no heartbeat before the others
	// take over what it did.
	NodeLease time.Duration `env:"NODE_LEASE" envDefault:"15s"`
}

// Durable reports whether the broker outlives the process.
func (c BrokerConfig) Durable() bool { return c.DataDir != "" || c.Cluster() }

// heartbeatInterval is how often a node sends heartbeats, and looks after the others.
func (c BrokerConfig) heartbeatInterval() time.Duration { return c.NodeLease / 3 } //nolint:mnd // two may be missed

// Cluster reports whether other nodes share the broker.
func (c BrokerConfig) Cluster() bool { return c.NATSURL != "" }

// VersionsConfig is for the frontend's version: at most one of the sources. With
// none there is no version until one is announced (rule V6).
type VersionsConfig struct {
	URL   URL    `env:"FRONTEND_VERSION_URL"`
	File  string `env:"FRONTEND_VERSION_FILE"`
	Fixed string `env:"FRONTEND_VERSION"`
	// Poll is how often the source is watched; 0 turns watching off (rule V8).
	Poll time.Duration `env:"VERSION_POLL_INTERVAL" envDefault:"30s"`
	// Confirmations is how many answers in a row make a new version count.
	Confirmations int `env:"VERSION_CONFIRMATIONS" envDefault:"2"`
	// CacheTTL is how long an answer of the source serves others (rule V5).
	CacheTTL time.Duration `env:"VERSION_CACHE_TTL" envDefault:"2s"`
	// PendingMax bounds the versions that wait for single clients (rule V3).
	PendingMax int `env:"VERSION_PENDING_MAX" envDefault:"10000"`
}

// TasksConfig is for background tasks.
type TasksConfig struct {
	// File names the commands that can be started, and the types that workers
	// outside run; "" is none.
	File       string `env:"TASKS_FILE"`
	MaxWorkers int    `env:"TASK_MAX_WORKERS" envDefault:"4"`
	QueueSize  int    `env:"TASK_QUEUE_SIZE" envDefault:"256"`
	// ScheduledMax is how many tasks may wait for the time that they are to run at (rule
	// T19).
	ScheduledMax int `env:"TASK_SCHEDULED_MAX" envDefault:"10000"`
	// Timeout is how long a task may run (rule T8).
	Timeout time.Duration `env:"TASK_TIMEOUT" envDefault:"300s"`
	// CleanupInterval is how long a finished task is kept, unless its type says how
	// long (rule T9).
	CleanupInterval time.Duration `env:"TASK_CLEANUP_INTERVAL"` // default: 600s, and 24h with a durable broker
	// RetentionCount and RetentionBytes bound how many finished tasks are kept, and
	// how large their params and results are together; 0 is no bound.
	RetentionCount int      `env:"TASK_RETENTION_COUNT" envDefault:"10000"`
	RetentionBytes ByteSize `env:"TASK_RETENTION_BYTES" envDefault:"256MiB"`
	// ProgressRate is how many progress events one task sends per second, on
	// average, at most (rule E10); 0 is no limit.
	ProgressRate int `env:"TASK_PROGRESS_RATE" envDefault:"20"`
	// CancelGrace is how long a cancelled task may take to stop (rule T7).
	CancelGrace time.Duration `env:"TASK_CANCEL_GRACE" envDefault:"30s"`
	// OutputBytes is how much of the end of what a task prints is kept (rule T21).
	OutputBytes ByteSize `env:"TASK_OUTPUT_BYTES" envDefault:"1MiB"`
}

// LogLevel is the least severe level that is logged.
type LogLevel string

// The levels.
const (
	LevelDebug LogLevel = "debug"
	LevelInfo  LogLevel = "info"
	LevelWarn  LogLevel = "warn"
	LevelError LogLevel = "error"
)

// LogFormat is how log records are written.
type LogFormat string

// The formats.
const (
	LogText LogFormat = "text" // key=value, for people
	LogJSON LogFormat = "json" // one object a line, for programs
)

// LogConfig is for the log, which goes to standard error.
type LogConfig struct {
	Level  LogLevel  `env:"LOG_LEVEL" envDefault:"info"`
	Format LogFormat `env:"LOG_FORMAT"` // default: text on a terminal, else json
}
