package canary_test

import (
	"testing"

	"github.com/go-jose/go-jose/v4"

	"heliograph/test/jwt"
)

// secret signs the JWTs of the users. It is what no log may show.
const secret = "5f0d7c1a9b3e42c88d6a4e1f7b2c9d30"

// token returns a JWT of the subject.
func token(t *testing.T, subject string, claims map[string]any) string {
	t.Helper()
	return jwt.SignClaims(t, jose.HS256, []byte(secret), nil, jwt.Claims(subject, claims))
}
