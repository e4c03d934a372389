package commandtasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// ownerText is the audience of the principal that starts the task, which is what an open
// one is when authentication is required (rule A11).
const ownerText = "owner"

// scopeName is what JWTs and keys files can list (RFC 6749, section 3.3).
var scopeName = regexp.MustCompile(`^[!#-\[\]-~]{1,64}$`)

// access returns whom the tasks are for and the scope that starts them.
func (e entry) access() (audience access.Choice, scope string, err error) {
	if audience, err = e.audience(); err != nil {
		return audience, "", in("audience", err)
	}
	if e.Scope == nil {
		return audience, "", nil
	}
	scope = *e.Scope
	if !scopeName.MatchString(scope) {
		return audience, "", in("scope", fmt.Errorf("%q is not a scope: 1 to 64 visible characters without quotes and backslashes", scope))
	}
	return audience, scope, nil
}

func (e entry) audience() (access.Choice, error) {
	if e.Audience == nil || e.Audience == ownerText {
		return access.Choice{}, nil
	}
	text, err := json.Marshal(e.Audience)
	if err != nil {
		return access.Choice{}, fmt.Errorf("%w: %w", access.ErrInvalidAudience, err)
	}
	audience, err := connection.ParseAudience(text)
	if _, isText := e.Audience.(string); isText && err != nil {
		return access.Choice{}, errors.New(`want everyone, owner, or an object with subjects, roles or request_ids`)
	}
	return access.Choice{Given: err == nil, Audience: audience}, err
}
