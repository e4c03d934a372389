package tasktokens_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"heliograph/adapters/outbound/tasktokens"
	"heliograph/domain/access"
	"heliograph/test/contract/authenticatorcontract"
	"heliograph/test/contract/tasktokenscontract"
)

func open(t *testing.T, key tasktokens.Key) *tasktokens.Tokens {
	t.Helper()
	tokens, err := tasktokens.New(key)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestTaskTokensContract(t *testing.T) {
	t.Parallel()
	tasktokenscontract.Run(t, func(t *testing.T) tasktokenscontract.Subject {
		key := tasktokens.NewKey()
		return tasktokenscontract.Subject{Tokens: open(t, key), Authenticator: open(t, key), Stranger: open(t, tasktokens.NewKey())}
	})
}

func header(text string) access.Credential {
	return access.Credential{Source: access.FromHeader, Text: text}
}

// sign is a token of the key's that Issue would not make.
func sign(t *testing.T, key tasktokens.Key, typ jose.ContentType, payload string) access.Credential {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key[:]}, (&jose.SignerOptions{}).WithType(typ))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return header("ht_" + token)
}

func TestAuthenticatorContract(t *testing.T) {
	t.Parallel()
	authenticatorcontract.Run(t, func(t *testing.T) authenticatorcontract.Subject {
		key := tasktokens.NewKey()
		tokens := open(t, key)
		p := &access.Principal{
			Subject: access.TaskSubject + "t", TaskID: "t", Scopes: access.ScopesOf(access.Stream, access.TasksRead),
			Expires: time.Date(2126, 5, 4, 3, 2, 1, 0, time.UTC), Issued: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC),
		}
		token, err := tokens.Issue(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		_, payload, _ := strings.Cut(token, ".")
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"heliograph-task"}`))
		body, _, _ := strings.Cut(payload, ".")
		const task = "heliograph-task"
		return authenticatorcontract.Subject{
			Authenticator: tokens,
			Good: map[string]authenticatorcontract.Proof{
				"in the header": {Credential: header(token), Principal: p},
				"in the cookie": {Credential: access.Credential{Source: access.FromCookie, Text: token}, Principal: p},
			},
			Refused: map[string]authenticatorcontract.Refusal{
				"no token":           {Credential: header("ht_"), Code: access.RefusedMalformed},
				"alg none":           {Credential: header("ht_" + none + "." + body + "."), Code: access.RefusedMalformed},
				"too long":           {Credential: header("ht_" + strings.Repeat("x", 5000)), Code: access.RefusedMalformed, Reason: "too long"},
				"of another service": {Credential: sign(t, tasktokens.NewKey(), task, "{}"), Code: access.RefusedSignature},
				"for something else": {Credential: sign(t, key, "JWT", `{"format":1,"subject":"heliograph:task/t","task_id":"t"}`), Code: access.RefusedSignature},
				"of a later version": {Credential: sign(t, key, task, `{"format":99,"subject":"x","task_id":"t"}`), Code: access.RefusedMalformed, Reason: "another version"},
				"for no task":        {Credential: sign(t, key, task, `{"format":1,"subject":"admin","scopes":"admin"}`), Code: access.RefusedMalformed},
				"an empty payload":   {Credential: sign(t, key, task, ``), Code: access.RefusedMalformed},
			},
			Foreign: map[string]access.Credential{"a JWT": header("a.b.c"), "an API key": header("hk_x"), "a proxy": {Source: access.FromProxy, Text: token}},
		}
	})
}
