// Package tasktokens implements access.TaskTokens, and access.Authenticator for what it
// issues: principals as JSON that are signed with a key of the service's own (JWS, HS256).
// Nothing is kept for a token.
package tasktokens

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"heliograph/adapters/internal/principaljson"
	"heliograph/domain/access"
)

const (
	// Prefix begins each token, so that it is told from JWTs of others, and found where it
	// must not be.
	Prefix = "ht_"
	// keySize is that of HS256.
	keySize = 32
	// maxToken bounds what is looked at.
	maxToken = 4 << 10
	// typ is in the header of each token: the key could serve for other things one day.
	typ = "heliograph-task"
)

// Key signs tokens. Nodes that share it take each other's.
type Key [keySize]byte

// NewKey returns a random key.
func NewKey() (k Key) {
	_, _ = rand.Read(k[:]) // never fails
	return k
}

// Tokens issues and verifies tokens. It is safe for concurrent use.
type Tokens struct {
	key    Key
	signer jose.Signer
}

var (
	_ access.TaskTokens    = (*Tokens)(nil)
	_ access.Authenticator = (*Tokens)(nil)
)

// New returns Tokens that are signed with the key.
func New(key Key) (*Tokens, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key[:]}, (&jose.SignerOptions{}).WithType(typ))
	return &Tokens{key: key, signer: signer}, err
}

// Issue implements access.TaskTokens. One for no task, of another subject than the
// task's, or without an end is an error: it would be good for more than it is for.
func (t *Tokens) Issue(_ context.Context, p *access.Principal) (string, error) {
	if p.TaskID == "" || p.Subject != access.TaskSubject+p.TaskID || p.Expires.IsZero() {
		return "", errors.New("a token for one task must name it, be of its subject, and end")
	}
	text, err := principaljson.Encode(p)
	if err != nil {
		return "", fmt.Errorf("token for a task: %w", err)
	}
	signed, err := t.signer.Sign(text)
	if err != nil {
		return "", fmt.Errorf("token for a task: %w", err)
	}
	token, err := signed.CompactSerialize()
	if err == nil && len(Prefix)+len(token) > maxToken {
		err = fmt.Errorf("token for a task: it would have more than %d bytes", maxToken)
	}
	return Prefix + token, err
}

// Authenticate implements access.Authenticator.
func (t *Tokens) Authenticate(_ context.Context, c access.Credential) (p *access.Principal, known bool, err error) {
	text, found := strings.CutPrefix(c.Text, Prefix)
	if !found || c.Source != access.FromHeader && c.Source != access.FromCookie {
		return nil, false, nil
	}
	if len(c.Text) > maxToken {
		return nil, true, access.Refuse(access.RefusedMalformed, "it is too long for a token for one task")
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return nil, true, access.Refuse(access.RefusedMalformed, "it begins like a token for one task and is none")
	}
	payload, err := signed.Verify(t.key[:])
	if err != nil || signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != any(typ) {
		return nil, true, access.Refuse(access.RefusedSignature, "it was not signed by this service, or before it lost its memory; get a new one")
	}
	if p, err = principaljson.Decode(payload); err != nil || p.TaskID == "" {
		return nil, true, access.Refuse(access.RefusedMalformed, "it cannot be read: another version of this service made it")
	}
	return p, true, nil
}
