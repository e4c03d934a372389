package jwtauth

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"heliograph/domain/access"
)

const (
	// leeway is by how much the clocks of who issues tokens and of this machine may differ
	// (rule A3).
	leeway = time.Minute
	// maxNames bounds roles and scopes, which each stream keeps.
	maxNames = 200
	// lastSecond is the end of the year 9999: a later time is a mistake.
	lastSecond = 253402300799
)

// claims is what a token says, as JSON.
type claims map[string]any

// parseClaims reads the payload of a token. A name that comes twice is an error: two
// readers of the token could take different ones.
func parseClaims(payload []byte) (claims, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil || c == nil {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return nil, errors.New("one of its claims comes twice")
		}
		return nil, errors.New("its claims are not a JSON object")
	}
	return c, nil
}

// at returns the claim at a dotted path. A claim whose own name has dots, as that of a
// URL, is found too, before a nested one.
func (c claims) at(path string) (value any, found bool) {
	if value, found = c[path]; found {
		return value, true
	}
	for i := len(path) - 1; i > 0; i-- {
		if path[i] != '.' {
			continue
		}
		if inner, ok := c[path[:i]].(map[string]any); ok {
			if value, found = claims(inner).at(path[i+1:]); found {
				return value, true
			}
		}
	}
	return nil, false
}

// text returns a claim that is a text; "" if there is none.
func (c claims) text(path string) (string, error) {
	value, found := c.at(path)
	if !found {
		return "", nil
	}
	text, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("its claim %q is not a text", path)
	}
	return text, nil
}

// names returns a claim that is a list of texts, or words in one.
func (c claims) names(path string) (names []string, found bool, err error) {
	value, found := c.at(path)
	switch value := value.(type) {
	case nil:
		if found {
			return nil, true, fmt.Errorf("its claim %q is null", path)
		}
	case string:
		names = strings.Fields(value)
	case []any:
		for _, one := range value {
			name, ok := one.(string)
			if !ok {
				return nil, true, fmt.Errorf("its claim %q is a list of other things than texts", path)
			}
			names = append(names, name)
		}
	default:
		return nil, true, fmt.Errorf("its claim %q is neither a list nor a text", path)
	}
	if len(names) > maxNames {
		return nil, true, fmt.Errorf("its claim %q has %d names, at most %d are allowed", path, len(names), maxNames)
	}
	for _, name := range names {
		if err := access.CheckName(name); err != nil {
			return nil, true, fmt.Errorf("its claim %q: %w", path, err)
		}
	}
	return names, found, nil
}

// time returns a claim that is a NumericDate (RFC 7519, section 2); the zero time if
// there is none.
func (c claims) time(name string) (time.Time, error) {
	value, found := c[name]
	if !found {
		return time.Time{}, nil
	}
	seconds, ok := value.(float64)
	if !ok {
		return time.Time{}, fmt.Errorf("its claim %q is not a number of seconds", name)
	}
	if math.IsNaN(seconds) || seconds < 0 || seconds > lastSecond {
		return time.Time{}, fmt.Errorf("its claim %q is no time since 1970 in seconds", name)
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*float64(time.Second))).UTC(), nil
}

// isFor reports whether the audience of a token has the name.
func (c claims) isFor(audience string) bool {
	switch value := c["aud"].(type) {
	case string:
		return value == audience
	case []any:
		return slices.Contains(value, any(audience))
	default:
		return false
	}
}

// principal returns whom the claims of a token name, which was signed with a key of
// ours. Errors: *access.RefusedError.
func (a *Authenticator) principal(c claims, now time.Time) (*access.Principal, error) {
	if err := a.checkIssuer(c); err != nil {
		return nil, err
	}
	life, err := c.life(now)
	if err != nil {
		return nil, err
	}
	p := &access.Principal{Expires: life.ends, Issued: life.issued}
	if err := a.fill(p, c); err != nil {
		return nil, access.Refuse(access.RefusedMalformed, "%s", err)
	}
	if access.Reserved(p.Subject) {
		return nil, access.Refuse(access.RefusedSignature, "its subject begins like one that only this service may give")
	}
	return p, nil
}

// fill sets who p is and what it may do.
func (a *Authenticator) fill(p *access.Principal, c claims) (err error) {
	if p.Subject, err = c.text(a.cfg.SubjectClaim); err != nil {
		return err
	}
	if err := access.CheckName(p.Subject); err != nil {
		return fmt.Errorf("its claim %q, the subject: %w", a.cfg.SubjectClaim, err)
	}
	if p.CredentialID, err = c.text("jti"); err != nil {
		return err
	}
	if len(p.CredentialID) > access.MaxNameLength {
		return fmt.Errorf("its claim \"jti\" has more than %d bytes", access.MaxNameLength)
	}
	if p.Roles, _, err = c.names(a.cfg.RolesClaim); err != nil {
		return err
	}
	scopes, given, err := c.names(a.cfg.ScopesClaim)
	if err != nil {
		return err
	}
	if !given {
		p.Scopes, p.OtherScopes = a.cfg.DefaultScopes, a.cfg.DefaultOther
		return nil
	}
	var others []string
	p.Scopes, others = access.ParseScopes(strings.Join(scopes, " "))
	for _, name := range others { // most are meant for other services
		if slices.Contains(a.cfg.OtherScopes, name) {
			p.OtherScopes = append(p.OtherScopes, name)
		}
	}
	return nil
}

// checkIssuer says whether the token is of the right issuer and for this service.
func (a *Authenticator) checkIssuer(c claims) error {
	if want := a.cfg.Issuer; want != "" && c["iss"] != any(want) {
		return access.Refuse(access.RefusedSignature, "its issuer (iss) is not %q", want)
	}
	if want := a.cfg.Audience; want != "" && !c.isFor(want) {
		return access.Refuse(access.RefusedSignature, "its audience (aud) does not have %q", want)
	}
	return nil
}

// life is when a token was issued and ends.
type life struct{ issued, ends time.Time }

// life returns the token's, which has begun and not ended, within the leeway.
func (c claims) life(now time.Time) (l life, err error) {
	expires, err1 := c.time("exp")
	begins, err2 := c.time("nbf")
	issued, err3 := c.time("iat")
	if err := errors.Join(err1, err2, err3); err != nil {
		return life{}, access.Refuse(access.RefusedMalformed, "%s", err)
	}
	switch {
	case expires.IsZero():
		return life{}, access.Refuse(access.RefusedMalformed, "it has no claim \"exp\": it must say when it ends")
	case now.After(expires.Add(leeway)):
		return life{}, access.Refuse(access.RefusedExpired, "it expired %s; do the clocks differ?", humanize.RelTime(expires, now, "ago", ""))
	case now.Before(begins.Add(-leeway)):
		return life{}, access.Refuse(access.RefusedEarly, "it is good only %s (nbf); do the clocks differ?", humanize.RelTime(begins, now, "", "from now"))
	case now.Before(issued.Add(-leeway)):
		return life{}, access.Refuse(access.RefusedEarly, "it was issued %s (iat); do the clocks differ?", humanize.RelTime(issued, now, "", "from now"))
	}
	if !now.Before(expires) { // it is good only for the leeway, and ends with that
		expires = expires.Add(leeway)
	}
	return life{issued: issued, ends: expires}, nil
}
