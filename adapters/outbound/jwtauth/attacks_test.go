package jwtauth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"heliograph/adapters/outbound/jwtauth"
	"heliograph/domain/access"
	"heliograph/test/jwt"
)

func hmac256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(text))
	return mac.Sum(nil)
}

// payload is a good one.
func payload(t testing.TB) string { return string(encode(t, claims(nil))) }

func TestNoTokenIsTakenWithoutASignature(t *testing.T) { // A3
	t.Parallel()
	for _, a := range []*jwtauth.Authenticator{open(t, bySecret), open(t, inFile(t, pemOf(t, keys().rsa.Public())))} {
		for _, alg := range []string{"none", "None", "NONE", "nOnE", "none ", "", "null", "NoNe\x00"} {
			for _, signature := range []string{"", raw64("x"), raw64(string(hmac256([]byte(secret), raw64(`{"alg":"none"}`)+"."+raw64(payload(t)))))} {
				refuse(t, "alg "+alg, a, raw64(string(encode(t, map[string]string{"alg": alg})))+"."+raw64(payload(t))+"."+signature, access.RefusedSignature, "is not allowed")
			}
		}
		for _, head := range []string{`{}`, `{"alg":null}`, `{"alg":["none"]}`, `{"alg":{"none":1}}`, `{"alg":0}`, `{"typ":"JWT"}`, `null`, `[]`, `"none"`, `x`} {
			p, _, err := a.Authenticate(t.Context(), header(raw64(head)+"."+raw64(payload(t))+"."))
			if p != nil || err == nil {
				t.Errorf("%s: %+v, %v", head, p, err)
			}
		}
	}
	// Without its signature a good token is none.
	good := token(t, nil)
	unsigned := good[:strings.LastIndexByte(good, '.')+1]
	refuse(t, "without a signature", open(t, bySecret), unsigned, access.RefusedSignature, "")
}

// The classic: a token that is signed with HMAC, and the public key, which anybody has,
// as the secret.
func TestAPublicKeyIsNoSharedSecret(t *testing.T) { // A3
	t.Parallel()
	public := keys().rsa.Public()
	asPEM := pemOf(t, public)
	pkix, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	asJWK := encode(t, jwk("", "", public))
	sets := map[string]string{
		"PEM": asPEM, "JWK": string(asJWK), "set": set(t, jwk("a", "", public)), "with alg": set(t, jwk("a", "RS256", public)),
		"beside a secret": set(t, jwk("a", "", public), jwk("s", "", []byte(secret))), // which has another kid
	}
	for name, text := range sets {
		a := open(t, inFile(t, text))
		for _, key := range [][]byte{
			[]byte(asPEM), []byte(strings.TrimSpace(asPEM)), pkix, asJWK, x509.MarshalPKCS1PublicKey(&keys().rsa.PublicKey), keys().rsa.N.Bytes(), []byte(text),
		} {
			for _, alg := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512} {
				refuse(t, name, a, jwt.Sign(t, alg, key, map[string]any{"kid": "a"}, []byte(payload(t))), access.RefusedSignature, "its algorithm")
			}
		}
	}
}

func TestNoKeyComesFromTheToken(t *testing.T) { // A3
	t.Parallel()
	mine, theirs := keys().rsa, keys().other
	a := open(t, inFile(t, set(t, jwk("a", "", mine.Public()))))
	certificate := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&theirs.PublicKey))
	for name, head := range map[string]map[string]any{
		"jwk": {"jwk": jwk("", "", theirs.Public())}, "jwk and kid": {"kid": "a", "jwk": jwk("a", "", theirs.Public())},
		"jku": {"kid": "a", "jku": "https://evil.example/keys"}, "x5u": {"kid": "a", "x5u": "https://evil.example/x"}, "x5c": {"kid": "a", "x5c": []string{certificate}},
		"kid of a file": {"kid": "../../dev/null"}, "kid of SQL": {"kid": "a' OR 1=1"}, "kid": {"kid": "a"}, "no kid": {},
	} {
		p, known, err := a.Authenticate(t.Context(), header(jwt.Sign(t, jose.RS256, theirs, head, []byte(payload(t)))))
		if p != nil || !known || err == nil {
			t.Errorf("%s: %+v, %t, %v", name, p, known, err)
		}
	}
}

func TestAKidNamesItsKey(t *testing.T) { // A3
	t.Parallel()
	one, two := keys().rsa, keys().other
	a := open(t, inFile(t, set(t, jwk("one", "", one.Public()), jwk("two", "", two.Public()))))
	body := []byte(payload(t))
	want(t, "its own", a, jwt.Sign(t, jose.RS256, one, map[string]any{"kid": "one"}, body))
	want(t, "none, of the second key", a, jwt.Sign(t, jose.RS256, two, nil, body))
	refuse(t, "the other's", a, jwt.Sign(t, jose.RS256, one, map[string]any{"kid": "two"}, body), access.RefusedSignature, "its signature is wrong")
	refuse(t, "nobody's", a, jwt.Sign(t, jose.RS256, one, map[string]any{"kid": "three"}, body), access.RefusedUnknown, "(kid)")
	for _, kid := range []any{1, []string{"one"}, map[string]any{"one": 1}, true} {
		refuse(t, fmt.Sprint(kid), a, jwt.Sign(t, jose.RS256, one, map[string]any{"kid": kid}, body), access.RefusedMalformed, "")
	}
	// A single key without a kid has signed whatever kid the issuer writes.
	want(t, "any", open(t, inFile(t, pemOf(t, one.Public()))), jwt.Sign(t, jose.RS256, one, map[string]any{"kid": "x"}, body))
}

func TestHeadersThatMustBeUnderstoodAreRefused(t *testing.T) { // A3
	t.Parallel()
	a := open(t, bySecret)
	body := payload(t)
	for _, head := range []string{
		`{"alg":"HS256","crit":["exp"],"exp":1}`, `{"alg":"HS256","crit":["b64"],"b64":true}`, `{"alg":"HS256","crit":[]}`, `{"alg":"HS256","crit":null}`,
		`{"alg":"HS256","crit":"x"}`, `{"alg":"HS256","b64":false}`, `{"alg":"HS256","crit":["b64"],"b64":false}`,
	} {
		refuse(t, head, a, raw(t, head, body), access.RefusedMalformed, "")
	}
	// The payload of b64 false is signed as it is.
	head := raw64(`{"alg":"HS256","crit":["b64"],"b64":false}`)
	refuse(t, "detached", a, head+"."+raw64(body)+"."+raw64(string(hmac256([]byte(secret), head+"."+body))), access.RefusedMalformed, "")
	want(t, "what need not be", a, raw(t, `{"alg":"HS256","typ":"at+jwt","cty":"x","more":{"a":1}}`, body))
}

func TestNamesThatComeTwiceAreRefused(t *testing.T) { // A3
	t.Parallel()
	a := open(t, bySecret)
	exp := time.Now().Add(time.Hour).Unix()
	for _, body := range []string{
		fmt.Sprintf(`{"sub":"alice","sub":"admin","exp":%d}`, exp), fmt.Sprintf(`{"sub":"alice","exp":1,"exp":%d}`, exp),
		fmt.Sprintf(`{"sub":"alice","exp":%d,"realm":{"roles":[],"roles":["admin"]}}`, exp), fmt.Sprintf(`{"sub":"alice","s\u0075b":"admin","exp":%d}`, exp),
	} {
		refuse(t, body, a, raw(t, `{"alg":"HS256"}`, body), access.RefusedMalformed, "twice")
	}
	for _, head := range []string{`{"alg":"HS256","alg":"none"}`, `{"alg":"none","alg":"HS256"}`, `{"alg":"HS256","kid":"a","kid":"b"}`} {
		refuse(t, head, a, raw(t, head, payload(t)), access.RefusedMalformed, "")
	}
	// Names in other cases are other names.
	refuse(t, "Sub", a, raw(t, `{"alg":"HS256"}`, fmt.Sprintf(`{"Sub":"alice","exp":%d}`, exp)), access.RefusedMalformed, `"sub"`)
	refuse(t, "EXP", a, raw(t, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":"alice","EXP":%d}`, exp)), access.RefusedMalformed, `"exp"`)
}

func TestWhatIsNoJWTIsRefused(t *testing.T) { // A3
	t.Parallel()
	a := open(t, bySecret)
	good := token(t, nil)
	parts := strings.Split(good, ".")
	for name, c := range map[string]struct{ token, reason string }{
		"a huge one":           {token(t, map[string]any{"more": strings.Repeat("x", 20<<10)}), "more than 16384 bytes"},
		"an endless one":       {strings.Repeat("a.", 2) + strings.Repeat("a", 10<<20), "more than 16384 bytes"},
		"an encrypted one":     {"a.b.c.d.e", "encrypted"},
		"empty parts":          {"..", ""},
		"no base64":            {parts[0] + "!." + parts[1] + "." + parts[2], ""},
		"standard base64":      {parts[0] + "." + parts[1] + "=." + parts[2], ""},
		"white space":          {parts[0] + ". " + parts[1] + "." + parts[2], ""},
		"a line break":         {parts[0] + ".\n" + parts[1] + "." + parts[2], ""},
		"no JSON":              {raw(t, `{"alg":"HS256"}`, "x"), "not a JSON object"},
		"two values":           {raw(t, `{"alg":"HS256"}`, payload(t)+"{}"), "not a JSON object"},
		"a list":               {raw(t, `{"alg":"HS256"}`, "[]"), "not a JSON object"},
		"null":                 {raw(t, `{"alg":"HS256"}`, "null"), "not a JSON object"},
		"nothing":              {raw(t, `{"alg":"HS256"}`, ""), "not a JSON object"},
		"very deep":            {raw(t, `{"alg":"HS256"}`, `{"a":`+strings.Repeat("[", 11000)), "not a JSON object"},
		"bad UTF-8":            {raw(t, `{"alg":"HS256"}`, "{\"sub\":\"\xff\",\"exp\":9999999999}"), ""},
		"half of a surrogate":  {raw(t, `{"alg":"HS256"}`, `{"sub":"\ud800","exp":9999999999}`), ""},
		"JSON serialization":   {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `..."}`, ""},
		"a signed empty token": {raw(t, `{"alg":"HS256"}`, "{}"), `no claim "exp"`},
	} {
		p, known, err := a.Authenticate(t.Context(), header(c.token))
		if p != nil || err == nil && known || known && !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %+v, %t, %v; want %q", name, p, known, err, c.reason)
		}
	}
}

func TestTimes(t *testing.T) { // A3
	t.Parallel()
	a := open(t, bySecret)
	now := time.Now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, c := range map[string]struct {
		changes map[string]any
		code    access.RefusalCode // "" if it is good
		reason  string
	}{
		"good":                    {nil, "", ""},
		"without an end":          {map[string]any{"exp": nil}, access.RefusedMalformed, `no claim "exp"`},
		"ended":                   {map[string]any{"exp": at(-3 * time.Minute)}, access.RefusedExpired, "it expired 3 minutes ago; do the clocks differ?"},
		"ended in the leeway":     {map[string]any{"exp": at(-50 * time.Second)}, "", ""},
		"ended before it":         {map[string]any{"exp": at(-70 * time.Second)}, access.RefusedExpired, "ago"},
		"ended in 1970":           {map[string]any{"exp": 0}, access.RefusedExpired, "ago"},
		"not yet":                 {map[string]any{"nbf": at(10 * time.Minute)}, access.RefusedEarly, "9 minutes from now (nbf); do the clocks differ?"},
		"not yet, in the leeway":  {map[string]any{"nbf": at(50 * time.Second)}, "", ""},
		"good since 1970":         {map[string]any{"nbf": 0, "iat": 0}, "", ""},
		"issued in the future":    {map[string]any{"iat": at(10 * time.Minute)}, access.RefusedEarly, "(iat)"},
		"issued in the leeway":    {map[string]any{"iat": at(50 * time.Second)}, "", ""},
		"a fraction":              {map[string]any{"exp": float64(at(time.Hour)) + .5}, "", ""},
		"with an exponent":        {map[string]any{"exp": 4.1e9}, "", ""},
		"a text":                  {map[string]any{"exp": fmt.Sprint(at(time.Hour))}, access.RefusedMalformed, `"exp" is not a number of seconds`},
		"a text as nbf":           {map[string]any{"nbf": "0"}, access.RefusedMalformed, `"nbf"`},
		"milliseconds":            {map[string]any{"exp": now.UnixMilli()}, access.RefusedMalformed, `"exp" is no time`},
		"huge":                    {map[string]any{"exp": 1e300}, access.RefusedMalformed, `"exp" is no time`},
		"the largest integer":     {map[string]any{"exp": int64(1<<63 - 1)}, access.RefusedMalformed, `"exp" is no time`},
		"negative":                {map[string]any{"exp": -1}, access.RefusedMalformed, `"exp" is no time`},
		"a huge nbf":              {map[string]any{"nbf": 1e300}, access.RefusedMalformed, `"nbf" is no time`},
		"a huge iat":              {map[string]any{"iat": 1e300}, access.RefusedMalformed, `"iat" is no time`},
		"true":                    {map[string]any{"exp": true}, access.RefusedMalformed, `"exp"`},
		"a list":                  {map[string]any{"exp": []int64{at(time.Hour)}}, access.RefusedMalformed, `"exp"`},
		"an object":               {map[string]any{"exp": map[string]any{}}, access.RefusedMalformed, `"exp"`},
		"a date":                  {map[string]any{"exp": "2126-01-01T00:00:00Z"}, access.RefusedMalformed, `"exp"`},
		"a number beyond a float": {map[string]any{"exp": json.RawMessage("1e999")}, access.RefusedMalformed, ""},
		"null":                    {map[string]any{"exp": json.RawMessage("null")}, access.RefusedMalformed, `"exp"`},
	} {
		if c.code == "" {
			want(t, name, a, token(t, c.changes))
			continue
		}
		refuse(t, name, a, token(t, c.changes), c.code, c.reason)
	}
}
