package bootstrap

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"heliograph/domain/output"
)

const (
	// minEventBytes leaves room for a task's cut texts and their frame (rule E8).
	minEventBytes = 8 << 10
	// maxEventBytes is what an external gateway's body limit leaves for an event's
	// data once it is quoted (gateway-protocol, 1 MiB).
	maxEventBytes = 512 << 10
	// minHistoryEvents is how many of the largest events the log must hold: with
	// fewer, every hiccup of a client would cost it its place.
	minHistoryEvents = 4
	// maxParallel and maxWorkers catch a mistyped number before it costs the
	// machine its memory.
	maxParallel = 10_000
	maxWorkers  = 10_000
	// minLease leaves room for a server of the cluster to take over from another.
	minLease = time.Second
)

// validate returns all that is wrong, one error for each variable.
func (c Config) validate() error {
	return errors.Join(
		oneOf("APP_ENV", c.Environment, Development, Testing, Production),
		c.validateNodeName(),
		positive("SHUTDOWN_GRACE_PERIOD", c.ShutdownGrace),
		c.HTTP.validate(),
		c.Auth.validate(c.Environment),
		c.Gateway.validate(c.Environment),
		c.Stream.validate(),
		c.Broker.validate(),
		c.Versions.validate(),
		c.Tasks.validate(),
		c.Limits.validate(),
		c.validateTaskFile(),
		c.validateProxies(),
		c.Log.validate(),
	)
}

func (c HTTPConfig) validate() error {
	errs := []error{address("HTTP_ADDR", c.Addr), oneOf("CONSOLE", c.Console, ConsoleOff, ConsoleRead, ConsoleFull)}
	for _, origin := range c.CORSOrigins.Each() {
		if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); err != nil {
			errs = append(errs, fmt.Errorf("CORS_ORIGINS: %q is not an origin such as https://app.example.com", origin))
		}
	}
	if c.AdminAddr != "" {
		errs = append(errs, address("ADMIN_ADDR", c.AdminAddr))
		if c.AdminAddr == c.Addr && !strings.HasSuffix(c.Addr, ":0") {
			errs = append(errs, errors.New("ADMIN_ADDR: it is the same as HTTP_ADDR"))
		}
	}
	_, err := networks("TRUSTED_PROXIES", c.TrustedProxies)
	errs = append(errs, err)
	for _, host := range c.AllowedHosts.Each() {
		if strings.ContainsAny(host, "/*@ ") || strings.Contains(host, ":") && net.ParseIP(host) == nil {
			errs = append(errs, fmt.Errorf("ALLOWED_HOSTS: %q is not a host name such as app.example.com, without a port", host))
		}
	}
	return errors.Join(errs...)
}

func (c LogConfig) validate() error {
	return errors.Join(
		oneOf("LOG_LEVEL", c.Level, LevelDebug, LevelInfo, LevelWarn, LevelError),
		oneOf("LOG_FORMAT", c.Format, LogText, LogJSON),
	)
}

func (c Config) validateNodeName() error {
	if c.NodeName == "" {
		return errors.New("NODE_NAME: the host has no name, so set one")
	}
	return nil
}

func (c GatewayConfig) validate(env Environment) error {
	var secret error
	if env == Production && c.Kind == GatewayHTTP && c.CallbackSecret == "" {
		secret = errors.New("SSE_CALLBACK_SECRET: required in production with SSE_GATEWAY=http")
	}
	return errors.Join(
		oneOf("SSE_GATEWAY", c.Kind, GatewayEmbedded, GatewayHTTP),
		baseURL("SSE_GATEWAY_URL", c.URL),
		positive("SSE_GATEWAY_TIMEOUT", c.Timeout),
		between("SSE_GATEWAY_PARALLEL", c.Parallel, 1, maxParallel),
		secret,
		positive("SSE_OBSERVER_TIMEOUT", c.ObserverTimeout),
	)
}

func (c StreamConfig) validate() error {
	return errors.Join(
		notNegative("SSE_HEARTBEAT_INTERVAL", c.Heartbeat),
		notNegative("SSE_PING_INTERVAL", c.Ping),
		between("SSE_MAX_EVENT_BYTES", c.MaxEvent, minEventBytes, maxEventBytes),
		atLeast("SSE_HISTORY_BYTES", c.History, minHistoryEvents*c.MaxEvent,
			fmt.Sprintf(", %d times SSE_MAX_EVENT_BYTES", minHistoryEvents)),
		atLeast("SSE_MAX_CONNECTIONS", c.MaxConnections, 0, ""),
		notNegative("SSE_DRAIN_SPREAD", c.DrainSpread),
		oneOf("SSE_EVENT_FORMAT", c.Format, FormatNamed, FormatEnvelope),
		oneOf("SSE_TRANSPORT", c.Transport, TransportAuto, TransportPortable),
	)
}

func (c BrokerConfig) validate() error {
	var errs []error
	if c.DataDir != "" && c.Cluster() {
		errs = append(errs, errors.New("DATA_DIR, NATS_URL: set at most one of them"))
	}
	if c.Cluster() {
		errs = append(errs, natsURLs("NATS_URL", c.NATSURL))
	}
	errs = append(errs, c.validateFiles())
	if c.NodeLease < minLease {
		errs = append(errs, fmt.Errorf("NODE_LEASE: %s must be at least %s", c.NodeLease, minLease))
	}
	return errors.Join(errs...)
}

// validateFiles looks at the files that a connection to NATS needs.
func (c BrokerConfig) validateFiles() error {
	var errs []error
	for name, path := range map[string]string{"NATS_CREDS": c.NATSCreds, "NATS_CA": c.NATSCA, "NATS_CERT": c.NATSCert, "NATS_KEY": c.NATSKey} {
		if path == "" {
			continue
		}
		if !c.Cluster() {
			errs = append(errs, fmt.Errorf("%s: it is for NATS_URL, which is not set", name))
		} else if _, err := os.ReadFile(path); err != nil { //nolint:gosec // the operator has named the file
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if (c.NATSCert == "") != (c.NATSKey == "") {
		errs = append(errs, errors.New("NATS_CERT, NATS_KEY: set both or none of them"))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return c.validatePEM()
}

func (c BrokerConfig) validatePEM() error {
	if c.NATSCA != "" {
		text, err := os.ReadFile(c.NATSCA)
		if err != nil || !x509.NewCertPool().AppendCertsFromPEM(text) {
			return fmt.Errorf("NATS_CA: %q holds no certificate in PEM", c.NATSCA)
		}
	}
	if c.NATSCert != "" {
		if _, err := tls.LoadX509KeyPair(c.NATSCert, c.NATSKey); err != nil {
			return fmt.Errorf("NATS_CERT, NATS_KEY: %w", err)
		}
	}
	return nil
}

func (c VersionsConfig) validate() error {
	return errors.Join(
		c.validateSource(),
		notNegative("VERSION_POLL_INTERVAL", c.Poll),
		atLeast("VERSION_CONFIRMATIONS", c.Confirmations, 1, ""),
		notNegative("VERSION_CACHE_TTL", c.CacheTTL),
		atLeast("VERSION_PENDING_MAX", c.PendingMax, 1, ""),
	)
}

func (c VersionsConfig) validateSource() error {
	sources := 0
	for _, set := range []bool{c.URL != "", c.File != "", c.Fixed != ""} {
		if set {
			sources++
		}
	}
	if sources > 1 {
		return errors.New("FRONTEND_VERSION_URL, FRONTEND_VERSION_FILE, FRONTEND_VERSION: set at most one of them")
	}
	if c.URL == "" {
		return nil
	}
	return httpURL("FRONTEND_VERSION_URL", c.URL)
}

func (c TasksConfig) validate() error {
	return errors.Join(
		between("TASK_MAX_WORKERS", c.MaxWorkers, 1, maxWorkers),
		atLeast("TASK_QUEUE_SIZE", c.QueueSize, 1, ""),
		atLeast("TASK_SCHEDULED_MAX", c.ScheduledMax, 1, ""),
		positive("TASK_TIMEOUT", c.Timeout),
		positive("TASK_CLEANUP_INTERVAL", c.CleanupInterval),
		atLeast("TASK_RETENTION_COUNT", c.RetentionCount, 0, ""),
		atLeast("TASK_RETENTION_BYTES", c.RetentionBytes, 0, ""),
		atLeast("TASK_PROGRESS_RATE", c.ProgressRate, 0, ""),
		positive("TASK_CANCEL_GRACE", c.CancelGrace),
		between("TASK_OUTPUT_BYTES", c.OutputBytes, ByteSize(output.MinTail), ByteSize(output.MaxTail)),
	)
}

func (c Config) validateTaskFile() error {
	_, err := fileTypes(c, slog.New(slog.DiscardHandler))
	return err
}

func oneOf[T ~string](name string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is none of %q", name, string(value), allowed)
}

func positive(name string, value time.Duration) error {
	if value > 0 {
		return nil
	}
	return fmt.Errorf("%s: %s must be more than 0", name, value)
}

func notNegative(name string, value time.Duration) error {
	if value >= 0 {
		return nil
	}
	return fmt.Errorf("%s: %s must not be negative", name, value)
}

func atLeast[T ~int](name string, value, least T, why string) error {
	if value >= least {
		return nil
	}
	return fmt.Errorf("%s: %v must be at least %v%s", name, value, least, why)
}

func between[T ~int](name string, value, least, most T) error {
	if least <= value && value <= most {
		return nil
	}
	return fmt.Errorf("%s: %v must be %v to %v", name, value, least, most)
}

func address(name, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s: %q is not host:port, such as :8080", name, value)
	}
	return nil
}

func natsURLs(name string, value URLs) error {
	for _, one := range value.Each() {
		u, err := url.Parse(string(one))
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return fmt.Errorf("%s: %q is not a nats://, tls://, ws:// or wss:// URL", name, one)
		}
	}
	return nil
}

func httpURL(name string, value URL) error {
	u, err := url.Parse(string(value))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%s: %q is not an http:// or https:// URL", name, value)
	}
	return nil
}

// baseURL is httpURL for one that paths are put behind.
func baseURL(name string, value URL) error {
	if err := httpURL(name, value); err != nil {
		return err
	}
	if strings.ContainsAny(string(value), "?#") {
		return fmt.Errorf("%s: %q has more than a host and a path", name, value)
	}
	return nil
}

// networks reads IP addresses and networks such as 10.0.0.0/8. Errors name the variable.
func networks(variable string, l List) (all []netip.Prefix, err error) {
	for _, text := range l.Each() {
		if ip, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not an IP address or a network such as 10.0.0.0/8", variable, text)
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}

// validateProxies refuses a proxy whose word would never count.
func (c Config) validateProxies() error {
	if c.Auth.Required() && c.Auth.ProxyUserHeader != "" && len(c.HTTP.TrustedProxies.Each()) == 0 {
		return errors.New("AUTH_PROXY_USER_HEADER: it counts in requests of TRUSTED_PROXIES only, and that is not set")
	}
	return nil
}
