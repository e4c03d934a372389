package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"go.uber.org/fx"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/outbound/apikeys"
	"heliograph/adapters/outbound/jwtauth"
	"heliograph/adapters/outbound/memrevocations"
	"heliograph/adapters/outbound/memtickets"
	"heliograph/adapters/outbound/natsrevocations"
	"heliograph/adapters/outbound/natstickets"
	"heliograph/adapters/outbound/noauth"
	"heliograph/adapters/outbound/proxyauth"
	"heliograph/adapters/outbound/scopepolicy"
	"heliograph/adapters/outbound/tasktokens"
	accessservice "heliograph/application/access"
	"heliograph/application/tasks"
	"heliograph/domain/access"
	"heliograph/domain/task"
)

// accessModule is the choice of who may do what, and of how it is known who a request
// comes from (rules A1, A2). With AUTH=none the service knows no credential: nothing is to
// ask it for any. It ends streams all the same (rule A18).
func accessModule(cfg Config) fx.Option {
	if !cfg.Auth.Required() {
		return fx.Module("access/none", accessStores(cfg), fx.Supply(authenticators{}), fx.Provide(newAccessService, fx.Annotate(noauth.New, fx.As(new(access.Policy)))))
	}
	return fx.Module("access/required", accessStores(cfg), provideComponents(accessComponents, claimComponents), fx.Provide(
		newAccessService,
		fx.Annotate(scopepolicy.New, fx.As(new(access.Policy))),
		newAuthenticators,
	))
}

// accessStores are what nodes share about credentials. Without authentication that is
// which streams are to end, and there is nothing to remember.
func accessStores(cfg Config) fx.Option {
	tokens := fx.Provide(fx.Annotate(tasktokens.New, fx.As(fx.Self()), fx.As(new(access.TaskTokens))))
	const shared = `name:"shared"` // before what leaves the file of API keys
	revocations := fx.Options(fx.Provide(
		fx.Annotate(func() access.Revocations { return memrevocations.New(cfg.Auth.RevocationKeep) }, fx.ResultTags(shared)),
		fx.Annotate(newRevocations, fx.ParamTags(shared)),
	))
	if cfg.Broker.Cluster() || cfg.Broker.Durable() && cfg.Auth.Required() {
		revocations = fx.Options(provideComponents(revocationComponents), fx.Provide(
			openRevocations,
			func(r *natsrevocations.Revocations, all authenticators) access.Revocations {
				return newRevocations(r, all)
			},
		))
	}
	if cfg.Broker.Durable() && cfg.Auth.Required() {
		return fx.Options(tokens, revocations, fx.Provide(openTokenKey, fx.Annotate(openTickets, fx.As(new(access.Tickets)))))
	}
	return fx.Options(tokens, revocations, fx.Provide(tasktokens.NewKey, fx.Annotate(memtickets.New, fx.As(new(access.Tickets)))))
}

func openRevocations(cfg Config, broker *natsbroker.Broker, start startContext) (*natsrevocations.Revocations, error) {
	ctx, cancel := start.opening()
	defer cancel()
	r, err := natsrevocations.Open(ctx, broker, cfg.Auth.RevocationKeep)
	return r, cfg.Broker.cannotOpen("revocations", err)
}

func revocationComponents(r *natsrevocations.Revocations) []component {
	return []component{{Name: "revocations", Phase: phaseConnections, Serve: r.Serve}}
}

func openTickets(cfg Config, broker *natsbroker.Broker, start startContext) (*natstickets.Tickets, error) {
	ctx, cancel := start.opening()
	defer cancel()
	tickets, err := natstickets.Open(ctx, broker)
	return tickets, cfg.Broker.cannotOpen("tickets", err)
}

func openTokenKey(cfg Config, broker *natsbroker.Broker, start startContext) (tasktokens.Key, error) {
	ctx, cancel := start.opening()
	defer cancel()
	key, err := tasktokens.OpenKey(ctx, broker)
	return key, cfg.Broker.cannotOpen("key of the tokens for single tasks", err)
}

// authenticators are the adapters that credentials are checked by.
type authenticators struct {
	jwt  *jwtauth.Authenticator // nil without keys for JWTs
	keys *apikeys.Keys          // nil without API keys
}

type authenticatorParts struct {
	fx.In

	Config Config
	Types  []task.Type `group:"task_types"`
	Log    *slog.Logger
}

func newAuthenticators(p authenticatorParts) (all authenticators, err error) {
	auth := p.Config.Auth
	scopes := otherScopes(p.Types)
	_, others := access.ParseScopes(auth.DefaultScopes)
	for _, name := range others {
		if !slices.Contains(scopes, name) {
			return all, fmt.Errorf("AUTH_DEFAULT_SCOPES: %q is no scope, and no type of tasks names it", name)
		}
	}
	if auth.hasJWT() {
		if all.jwt, err = auth.newJWT(scopes, p.Log); err != nil {
			return all, err
		}
	}
	if auth.KeysFile != "" {
		if all.keys, err = apikeys.Open(auth.KeysFile, scopes, p.Log); err != nil {
			return all, fmt.Errorf("AUTH_KEYS_FILE: %w", err)
		}
	}
	return all, nil
}

// otherScopes are the scopes that types of tasks name.
func otherScopes(types []task.Type) (scopes []string) {
	for _, t := range types {
		if t.Scope != "" {
			scopes = append(scopes, t.Scope)
		}
	}
	return scopes
}

// newRevocations is what all nodes share, with the API keys that leave this node's file.
func newRevocations(shared access.Revocations, all authenticators) access.Revocations {
	if all.keys == nil {
		return shared
	}
	return all.keys.Revocations(shared)
}

// newJWT returns what verifies JWTs. others are the scopes of types of tasks.
func (c AuthConfig) newJWT(others []string, log *slog.Logger) (*jwtauth.Authenticator, error) {
	cfg := c.jwt()
	cfg.OtherScopes = others
	a, err := jwtauth.New(cfg, log)
	switch {
	case errors.Is(err, jwtauth.ErrAlgorithms):
		return nil, fmt.Errorf("AUTH_JWT_ALGORITHMS: %w", err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", c.jwtVariable(), err)
	}
	return a, nil
}

type accessParts struct {
	fx.In

	Config         Config
	Authenticators authenticators
	Tickets        access.Tickets
	TaskTokens     *tasktokens.Tokens
	Revocations    access.Revocations
	Log            *slog.Logger
}

func newAccessService(p accessParts) access.Service {
	auth := p.Config.Auth
	chain := []access.Authenticator{p.TaskTokens}
	if p.Authenticators.keys != nil {
		chain = append(chain, p.Authenticators.keys)
	}
	if p.Authenticators.jwt != nil {
		chain = append(chain, p.Authenticators.jwt)
	}
	if auth.ProxyUserHeader != "" {
		scopes, others := access.ParseScopes(auth.DefaultScopes)
		chain = append(chain, proxyauth.New(proxyauth.Config{Scopes: scopes, OtherScopes: others}))
	}
	return accessservice.New(accessservice.Config{Keep: auth.RevocationKeep}, accessservice.Deps{
		Authenticators: chain, Tickets: p.Tickets, TaskTokens: p.TaskTokens, Revocations: p.Revocations, Log: p.Log,
	})
}

// accessComponents are what keeps the keys up to date.
func accessComponents(all authenticators) (components []component) {
	if all.jwt != nil {
		components = append(components, component{Name: "keys for JWTs", Phase: phaseBroker, Serve: all.jwt.Serve, Check: all.jwt.Check})
	}
	if all.keys != nil {
		components = append(components, component{Name: "API keys", Phase: phaseBroker, Serve: all.keys.Serve})
	}
	return components
}

// claimComponents ends what workers have claimed when their credentials are revoked, or
// leave the file of API keys (rule A18).
func claimComponents(revocations access.Revocations, s *tasks.Service) []component {
	stop := func() {}
	return []component{{
		Name: "claims", Phase: phaseTasks,
		Start: func(context.Context) error {
			stop = revocations.Watch(func(access.Revocation) { s.EndRevoked(revocations.Revoked) })
			return nil
		},
		Stop: func(context.Context) error {
			stop()
			return nil
		},
	}}
}

// ExplainCredential returns the principal that a credential from a header proves to a
// service of this configuration, without starting it. Errors: those of access.Service, and
// what is wrong with the configuration.
func ExplainCredential(ctx context.Context, cfg Config, text string) (*access.Principal, error) {
	log := slog.New(slog.DiscardHandler)
	types, err := fileTypes(cfg, log)
	if err != nil {
		return nil, err
	}
	all, err := newAuthenticators(authenticatorParts{Config: cfg, Types: types, Log: log})
	if err != nil {
		return nil, err
	}
	if all.jwt != nil {
		if err := all.jwt.Fetch(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", cfg.Auth.jwtVariable(), err)
		}
	}
	tokens, err := tasktokens.New(tasktokens.NewKey())
	if err != nil {
		return nil, err
	}
	s := newAccessService(accessParts{
		Config: cfg, Authenticators: all, Tickets: memtickets.New(), TaskTokens: tokens, Revocations: memrevocations.New(cfg.Auth.RevocationKeep), Log: log,
	})
	p, err := s.Authenticate(ctx, access.Credential{Source: access.FromHeader, Text: text})
	if refused, ok := errors.AsType[*access.RefusedError](err); ok && refused.Code == access.RefusedSignature && strings.HasPrefix(text, tasktokens.Prefix) {
		return nil, errForeignTaskToken
	}
	return p, err
}

// errForeignTaskToken: the key of these tokens is made by the service, and is nowhere else.
var errForeignTaskToken = errors.New("a token for one task can be verified by the running service only: send a request with it")

// MintToken returns a JWT of p that a service of this configuration takes, for
// development. Errors: that there is no AUTH_JWT_KEY.
func MintToken(cfg Config, p *access.Principal) (string, error) {
	if cfg.Auth.jwtVariable() != "AUTH_JWT_KEY" {
		return "", errors.New("AUTH_JWT_KEY: it is not set, and a token is signed with it. With AUTH_JWT_KEY_FILE or AUTH_JWKS_URL the tokens come from who has the private key")
	}
	return jwtauth.Mint(cfg.Auth.jwt(), p)
}

// warnOfAccess logs what an operator may not have meant (rule A1).
func (c Config) warnOfAccess(ctx context.Context, log *slog.Logger) {
	if c.Auth.Required() {
		return
	}
	if c.Environment == Production {
		log.WarnContext(ctx, "AUTH=none in production: whoever reaches this service may read everything and start every task")
	}
	for name, value := range map[string]string{
		c.Auth.jwtVariable(): "set", "AUTH_KEYS_FILE": c.Auth.KeysFile, "AUTH_PROXY_USER_HEADER": c.Auth.ProxyUserHeader,
	} {
		if name != "" && value != "" {
			log.WarnContext(ctx, "credentials are configured and not asked for, because AUTH is none", slog.String("variable", name))
		}
	}
}
