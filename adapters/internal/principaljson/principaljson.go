// Package principaljson writes principals as JSON, for the adapters that keep them.
package principaljson

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"heliograph/domain/access"
)

// format is that of what Encode writes. It grows when an earlier version must not read
// it any more: a principal of which a part is left out could do or see more.
const format = 1

// record is a principal as it is kept.
type record struct {
	Format       int       `json:"format"`
	Subject      string    `json:"subject"`
	Roles        []string  `json:"roles,omitempty"`
	Scopes       string    `json:"scopes,omitempty"`
	OtherScopes  []string  `json:"other_scopes,omitempty"`
	Expires      time.Time `json:"expires,omitzero"`
	Issued       time.Time `json:"issued,omitzero"`
	CredentialID string    `json:"credential_id,omitempty"`
	TaskTypes    []string  `json:"task_types,omitempty"`
	TaskID       string    `json:"task_id,omitempty"`
}

// Encode returns p, which is not nil, as JSON.
func Encode(p *access.Principal) ([]byte, error) {
	return json.Marshal(record{
		Format: format, Subject: p.Subject, Roles: p.Roles, Scopes: p.Scopes.String(), OtherScopes: p.OtherScopes, Expires: p.Expires.UTC(), Issued: p.Issued.UTC(),
		CredentialID: p.CredentialID, TaskTypes: p.TaskTypes, TaskID: p.TaskID,
	})
}

// Decode reads what Encode wrote, of this version or an earlier one. Scopes that are not
// known here are left out: they are those of a later version.
func Decode(text []byte) (*access.Principal, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, err
	}
	switch {
	case r.Format < 1 || r.Format > format:
		return nil, fmt.Errorf("a principal in the format %d, and this version reads formats up to %d", r.Format, format)
	case r.Subject == "":
		return nil, errors.New("a principal without a subject")
	}
	scopes, _ := access.ParseScopes(r.Scopes)
	return &access.Principal{
		Subject: r.Subject, Roles: r.Roles, Scopes: scopes, OtherScopes: r.OtherScopes, Expires: r.Expires, Issued: r.Issued,
		CredentialID: r.CredentialID, TaskTypes: r.TaskTypes, TaskID: r.TaskID,
	}, nil
}
