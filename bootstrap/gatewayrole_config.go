package bootstrap

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"strconv"
	"time"
)

// GatewayRoleConfig is everything that can be set for "heliograph gateway", as
// Config is for the service. The first three variables are those of the gateway
// that this one can take the place of.
type GatewayRoleConfig struct {
	// Port is where browsers connect, on every interface; 0 is any free one.
	Port int `env:"PORT" envDefault:"3000"`
	// CallbackURL is the backend that is asked about streams. Without one there are
	// none. It may hold the callback's secret.
	CallbackURL URL `env:"CALLBACK_URL"`
	// HeartbeatSeconds is the silence after which a comment is sent.
	HeartbeatSeconds int `env:"HEARTBEAT_INTERVAL_SECONDS" envDefault:"15"`
	// InternalAddr is host:port for the backend's endpoints; "" has them on Port.
	InternalAddr string `env:"INTERNAL_ADDR"`
	// InternalSecret is what the backend must send in X-Internal-Secret.
	InternalSecret Secret `env:"INTERNAL_SECRET"`
	// Extensions says whether the gateway is more than what it can stand in for.
	Extensions Extensions `env:"GATEWAY_EXTENSIONS" envDefault:"all"`

	Stream GatewayRoleStreamConfig
	// ShutdownGrace bounds the whole of a shutdown.
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE_PERIOD" envDefault:"30s"`
	Log           LogConfig

	given given
}

// Extensions says which extensions of the gateway protocol there are.
type Extensions string

// The choices.
const (
	ExtensionsAll  Extensions = "all"
	ExtensionsNone Extensions = "none"
)

// GatewayRoleStreamConfig is what of StreamConfig is for a gateway alone.
type GatewayRoleStreamConfig struct {
	Format         EventFormat   `env:"SSE_EVENT_FORMAT" envDefault:"named"`
	History        ByteSize      `env:"SSE_HISTORY_BYTES" envDefault:"16MiB"`
	MaxConnections int           `env:"SSE_MAX_CONNECTIONS" envDefault:"0"`
	DrainSpread    time.Duration `env:"SSE_DRAIN_SPREAD" envDefault:"10s"`
	Transport      Transport     `env:"SSE_TRANSPORT" envDefault:"auto"`
}

const (
	defaultHeartbeatSeconds = 15
	// minRoleHistory is the least that is worth calling a log.
	minRoleHistory = 64 << 10
)

// LoadGatewayRole is Load for "heliograph gateway". A heartbeat interval that
// cannot be used is no reason not to start, as in the gateway that this one can
// take the place of: it is returned apart, as ignored, and the default is used.
func LoadGatewayRole(environ map[string]string, host Host) (cfg GatewayRoleConfig, ignored, err error) {
	const heartbeat = "HEARTBEAT_INTERVAL_SECONDS"
	if text := environ[heartbeat]; text != "" {
		if n, err := strconv.Atoi(text); err != nil || n < 1 || n > maxHeartbeatSeconds {
			ignored = fmt.Errorf("%s: %q is not a whole number from 1 to %d; it is %d now", heartbeat, text, maxHeartbeatSeconds, defaultHeartbeatSeconds)
			environ = maps.Clone(environ)
			delete(environ, heartbeat)
		}
	}
	cfg, err = load(environ, GatewayRoleConfig{Log: host.log(), given: givenIn(environ)})
	return cfg, ignored, err
}

// maxHeartbeatSeconds is a day: more is a mistyped number.
const maxHeartbeatSeconds = 24 * 60 * 60

func (c GatewayRoleConfig) validate() error {
	return errors.Join(
		between("PORT", c.Port, 0, 65535),
		c.validateURL(),
		c.validateInternal(),
		oneOf("GATEWAY_EXTENSIONS", c.Extensions, ExtensionsAll, ExtensionsNone),
		oneOf("SSE_EVENT_FORMAT", c.Stream.Format, FormatNamed, FormatEnvelope),
		atLeast("SSE_HISTORY_BYTES", c.Stream.History, minRoleHistory, ""),
		atLeast("SSE_MAX_CONNECTIONS", c.Stream.MaxConnections, 0, ""),
		notNegative("SSE_DRAIN_SPREAD", c.Stream.DrainSpread),
		oneOf("SSE_TRANSPORT", c.Stream.Transport, TransportAuto, TransportPortable),
		positive("SHUTDOWN_GRACE_PERIOD", c.ShutdownGrace),
		c.Log.validate(),
	)
}

func (c GatewayRoleConfig) validateURL() error {
	if c.CallbackURL == "" {
		return nil
	}
	return httpURL("CALLBACK_URL", c.CallbackURL)
}

func (c GatewayRoleConfig) validateInternal() error {
	if c.InternalAddr == "" {
		return nil
	}
	return address("INTERNAL_ADDR", c.InternalAddr)
}

// addr is where browsers connect.
func (c GatewayRoleConfig) addr() string { return ":" + strconv.Itoa(c.Port) }

func (c GatewayRoleConfig) heartbeat() time.Duration {
	return time.Duration(cmp.Or(c.HeartbeatSeconds, defaultHeartbeatSeconds)) * time.Second
}

// Settings returns every variable, in the order of the fields.
func (c GatewayRoleConfig) Settings() []Setting { return settingsOf(reflect.ValueOf(c), c.given) }

// LogValue returns the settings as attributes, for one line at start.
func (c GatewayRoleConfig) LogValue() slog.Value { return logValue(c.Settings()) }
