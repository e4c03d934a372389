package bootstrap

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"heliograph/adapters/outbound/jwtauth"
	"heliograph/domain/access"
)

// Auth says whether requests must prove who they come from.
type Auth string

// The choices (rule A1).
const (
	AuthNone     Auth = "none"
	AuthRequired Auth = "required"
)

// AuthConfig is for who may do what (rules A). Without AUTH=required only the first and the
// last count.
type AuthConfig struct {
	// Mode has no default in production: it must be decided there.
	Mode Auth `env:"AUTH"` // default: none; in production there is none
	// JWTKey, JWTKeyFile and JWKSURL are where the keys of JWTs come from: at most one.
	JWTKey     Secret `env:"AUTH_JWT_KEY"`
	JWTKeyFile string `env:"AUTH_JWT_KEY_FILE"`
	JWKSURL    URL    `env:"AUTH_JWKS_URL"`
	// JWTAlgorithms are those that are allowed; none is all that the keys can have.
	JWTAlgorithms List `env:"AUTH_JWT_ALGORITHMS"`
	// JWTIssuer and JWTAudience must be those of a JWT; "" is any.
	JWTIssuer   string `env:"AUTH_JWT_ISSUER"`
	JWTAudience string `env:"AUTH_JWT_AUDIENCE"`
	// SubjectClaim, RolesClaim and ScopesClaim are where a JWT has them, as dotted paths.
	SubjectClaim string `env:"AUTH_SUBJECT_CLAIM" envDefault:"sub"`
	RolesClaim   string `env:"AUTH_ROLES_CLAIM" envDefault:"roles"`
	ScopesClaim  string `env:"AUTH_SCOPES_CLAIM" envDefault:"scope"`
	// DefaultScopes are those of a JWT that does not say, with blanks between them.
	DefaultScopes string `env:"AUTH_DEFAULT_SCOPES" envDefault:"stream tasks:read tasks:start tasks:cancel"`
	// RevocationKeep is for how long revocations are remembered. Credentials that were
	// issued longer ago are refused.
	RevocationKeep time.Duration `env:"AUTH_REVOCATION_KEEP" envDefault:"720h"`
}

// defaultAuth is the default of AUTH; "" is none, so that it must be set.
func defaultAuth(env Environment) Auth {
	if env == Production {
		return ""
	}
	return AuthNone
}

// Required reports whether requests must prove who they come from.
func (c AuthConfig) Required() bool { return c.Mode == AuthRequired }

// hasJWT reports whether JWTs can be verified.
func (c AuthConfig) hasJWT() bool { return c.jwtVariable() != "" }

// jwtVariable is the variable that says where keys of JWTs come from; "" is none.
func (c AuthConfig) jwtVariable() string {
	switch {
	case c.JWTKey != "":
		return "AUTH_JWT_KEY"
	case c.JWTKeyFile != "":
		return "AUTH_JWT_KEY_FILE"
	case c.JWKSURL != "":
		return "AUTH_JWKS_URL"
	default:
		return ""
	}
}

// jwt is the configuration of what verifies JWTs.
func (c AuthConfig) jwt() jwtauth.Config {
	scopes, others := access.ParseScopes(c.DefaultScopes)
	return jwtauth.Config{
		Secret: string(c.JWTKey), KeyFile: c.JWTKeyFile, JWKSURL: string(c.JWKSURL), Algorithms: c.JWTAlgorithms.Each(),
		Issuer: c.JWTIssuer, Audience: c.JWTAudience,
		SubjectClaim: c.SubjectClaim, RolesClaim: c.RolesClaim, ScopesClaim: c.ScopesClaim, DefaultScopes: scopes, DefaultOther: others,
	}
}

// minKeep is the least AUTH_REVOCATION_KEEP: tokens that live less than it, as most do,
// are never refused for their age.
const minKeep = time.Hour

func (c AuthConfig) validate(env Environment) error {
	errs := []error{c.validateMode()}
	if c.RevocationKeep < minKeep {
		errs = append(errs, fmt.Errorf("AUTH_REVOCATION_KEEP: %s must be at least %s", c.RevocationKeep, minKeep))
	}
	if c.Required() {
		errs = append(errs, c.validateKeys(env))
	}
	return errors.Join(errs...)
}

func (c AuthConfig) validateMode() error {
	if c.Mode == "" {
		return errors.New("AUTH: in production it must be set: required, or none if whoever reaches the service may read everything and start every task")
	}
	return oneOf("AUTH", c.Mode, AuthNone, AuthRequired)
}

// validateKeys says what is wrong with how credentials are checked.
func (c AuthConfig) validateKeys(env Environment) error {
	sources := 0
	for _, set := range []bool{c.JWTKey != "", c.JWTKeyFile != "", c.JWKSURL != ""} {
		if set {
			sources++
		}
	}
	switch {
	case sources > 1:
		return errors.New("AUTH_JWT_KEY, AUTH_JWT_KEY_FILE, AUTH_JWKS_URL: set at most one of them")
	case sources == 0:
		return errors.New("AUTH: required needs something that proves who a request comes from: set one of AUTH_JWT_KEY, AUTH_JWT_KEY_FILE, AUTH_JWKS_URL")
	}
	if n := len(c.JWTKey); n > 0 && n < jwtauth.MinSecret && env == Production {
		return fmt.Errorf("AUTH_JWT_KEY: it has %d bytes; in production at least %d are needed, or it can be guessed from a token", n, jwtauth.MinSecret)
	}
	for name, claim := range map[string]string{"AUTH_SUBJECT_CLAIM": c.SubjectClaim, "AUTH_ROLES_CLAIM": c.RolesClaim, "AUTH_SCOPES_CLAIM": c.ScopesClaim} {
		if strings.TrimSpace(claim) == "" {
			return fmt.Errorf("%s: it names no claim", name)
		}
	}
	_, err := c.newJWT(nil, slog.New(slog.DiscardHandler))
	return err
}
