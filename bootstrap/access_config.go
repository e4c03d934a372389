package bootstrap

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"heliograph/adapters/outbound/apikeys"
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
	// JWTCookie is the name of the cookie that may carry a JWT; "" is none (rule A4).
	JWTCookie string `env:"AUTH_JWT_COOKIE"`
	// DefaultScopes are those of a JWT that does not say, and of users whom a proxy names,
	// with blanks between them.
	DefaultScopes string `env:"AUTH_DEFAULT_SCOPES" envDefault:"stream tasks:read tasks:start tasks:cancel"`
	// KeysFile is the path of a file of API keys (rule A5); "" is none.
	KeysFile string `env:"AUTH_KEYS_FILE"`
	// ProxyUserHeader and ProxyRolesHeader are headers in which a proxy that has
	// authenticated a request says who it comes from; "" is none.
	ProxyUserHeader  string `env:"AUTH_PROXY_USER_HEADER"`
	ProxyRolesHeader string `env:"AUTH_PROXY_ROLES_HEADER"`
	// RevocationKeep is for how long revocations are remembered. Credentials that were
	// issued longer ago are refused.
	RevocationKeep time.Duration `env:"AUTH_REVOCATION_KEEP" envDefault:"720h"`
	// ExpiryNotice is how long before its credential ends a stream is told so (rule A17); 0
	// is not.
	ExpiryNotice time.Duration `env:"AUTH_EXPIRY_NOTICE" envDefault:"30s"`
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
	errs := []error{c.validateMode(), notNegative("AUTH_EXPIRY_NOTICE", c.ExpiryNotice)}
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
	if !c.hasJWT() && c.KeysFile == "" && c.ProxyUserHeader == "" {
		return errors.New("AUTH: required needs something that proves who a request comes from: " +
			"set AUTH_JWT_KEY, AUTH_JWT_KEY_FILE, AUTH_JWKS_URL, AUTH_KEYS_FILE or AUTH_PROXY_USER_HEADER")
	}
	return errors.Join(c.validateJWT(env), c.validateKeysFile(), c.validateProxy())
}

func (c AuthConfig) validateJWT(env Environment) error {
	sources := 0
	for _, set := range []bool{c.JWTKey != "", c.JWTKeyFile != "", c.JWKSURL != ""} {
		if set {
			sources++
		}
	}
	switch {
	case sources > 1:
		return errors.New("AUTH_JWT_KEY, AUTH_JWT_KEY_FILE, AUTH_JWKS_URL: set at most one of them")
	case sources == 0 && c.JWTCookie != "":
		return errors.New("AUTH_JWT_COOKIE: it is for JWTs, and none of AUTH_JWT_KEY, AUTH_JWT_KEY_FILE and AUTH_JWKS_URL is set")
	case sources == 0:
		return nil
	}
	if n := len(c.JWTKey); n > 0 && n < jwtauth.MinSecret && env == Production {
		return fmt.Errorf("AUTH_JWT_KEY: it has %d bytes; in production at least %d are needed, or it can be guessed from a token", n, jwtauth.MinSecret)
	}
	if c.JWTCookie != "" && !isToken(c.JWTCookie) {
		return fmt.Errorf("AUTH_JWT_COOKIE: %q is no name of a cookie", c.JWTCookie)
	}
	for name, claim := range map[string]string{"AUTH_SUBJECT_CLAIM": c.SubjectClaim, "AUTH_ROLES_CLAIM": c.RolesClaim, "AUTH_SCOPES_CLAIM": c.ScopesClaim} {
		if strings.TrimSpace(claim) == "" {
			return fmt.Errorf("%s: it names no claim", name)
		}
	}
	_, err := c.newJWT(nil, slog.New(slog.DiscardHandler))
	return err
}

// validateKeysFile looks whether the file is there. What is in it is read when the types
// of tasks are known.
func (c AuthConfig) validateKeysFile() error {
	if c.KeysFile == "" {
		return nil
	}
	if err := apikeys.CheckReadable(c.KeysFile); err != nil {
		return fmt.Errorf("AUTH_KEYS_FILE: %w", err)
	}
	return nil
}

func (c AuthConfig) validateProxy() error {
	for name, header := range map[string]string{"AUTH_PROXY_USER_HEADER": c.ProxyUserHeader, "AUTH_PROXY_ROLES_HEADER": c.ProxyRolesHeader} {
		switch {
		case header == "":
		case !isToken(header):
			return fmt.Errorf("%s: %q is no name of a header", name, header)
		case slices.ContainsFunc([]string{"Authorization", "Cookie", "Host", "Origin"}, func(h string) bool { return strings.EqualFold(h, header) }):
			return fmt.Errorf("%s: %q comes from clients, whatever stands in front", name, header)
		}
	}
	if c.ProxyRolesHeader != "" && c.ProxyUserHeader == "" {
		return errors.New("AUTH_PROXY_ROLES_HEADER: it goes with AUTH_PROXY_USER_HEADER, which is not set")
	}
	return nil
}

// isToken reports whether text is a token of HTTP, as names of headers and cookies are
// (RFC 9110, section 5.6.2).
func isToken(text string) bool {
	return text != "" && strings.Trim(text, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// proxyHeaders are those in which a proxy names the user and its roles; empty if no proxy
// authenticates.
func (c AuthConfig) proxyHeaders() []string {
	switch {
	case c.ProxyUserHeader == "":
		return nil
	case c.ProxyRolesHeader == "":
		return []string{c.ProxyUserHeader}
	default:
		return []string{c.ProxyUserHeader, c.ProxyRolesHeader}
	}
}
