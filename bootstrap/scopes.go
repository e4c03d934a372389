package bootstrap

import (
	"log/slog"

	"heliograph/adapters/http/ginaccess"
	"heliograph/adapters/http/paths"
	"heliograph/adapters/inbound/console"
	"heliograph/adapters/inbound/ginapi"
	"heliograph/adapters/inbound/webclient"
	"heliograph/domain/access"
)

// The routes that answer without asking who a request comes from: probes, the API's
// description, the client library, the console's page, and those that ask in their own way
// (rule A10).
var openRoutes = []string{
	paths.Health, paths.Ready, ginapi.DescriptionPath, webclient.Path, console.Path, console.FilesPath, paths.Callback, paths.Stream,
}

// routeScopes is what routes need that no port of the application asks for by itself
// (rules A8, A10).
var routeScopes = map[string]access.Scope{
	"POST " + ginapi.TicketPath:     access.Stream,
	"POST " + ginapi.CredentialPath: access.Stream,
	"POST " + ginapi.RevokePath:     access.Admin,
	"POST " + ginapi.DisconnectPath: access.Admin,
	"GET " + ginapi.ConnectionsPath: access.Admin,
	"GET " + ginapi.LogPath:         access.Admin,
	"GET " + ginapi.HealthPath:      access.Admin,
	"GET " + ginapi.SettingsPath:    access.Admin,
	"GET " + ginapi.NodesPath:       access.Admin,
	"GET " + ginapi.VersionsPath:    access.Admin,
	"GET " + ginapi.QueuePath:       access.Admin,
	"GET " + ginapi.WorkersPath:     access.Admin,
	"GET " + ginapi.ConnectionPath:  access.Admin,
	"POST " + ginapi.ReportPath:     access.Stream,
	"GET " + ginapi.MetricsPath:     access.Admin,
	"HEAD " + ginapi.MetricsPath:    access.Admin,
	"GET " + ginapi.ProfilingPath:   access.Admin,
	"POST " + ginapi.TestEventPath:  access.Admin,
}

// newGate returns what authenticates requests; nil with AUTH=none.
func newGate(cfg Config, service access.Service, policy access.Policy, log *slog.Logger) (*ginaccess.Gate, error) {
	if !cfg.Auth.Required() {
		return nil, nil //nolint:nilnil // it is what lets everything through
	}
	proxies, err := networks("TRUSTED_PROXIES", cfg.HTTP.TrustedProxies)
	if err != nil {
		return nil, err
	}
	return ginaccess.New(ginaccess.Config{
		Cookie: cfg.Auth.JWTCookie, Origins: cfg.HTTP.CORSOrigins.Each(),
		ProxyHeaders: cfg.Auth.proxyHeaders(), Proxies: proxies, Open: openRoutes, Scopes: routeScopes,
	}, service, policy, log)
}
