package jwtauth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

const (
	// maxKeys bounds a set of keys.
	maxKeys = 100
	// maxTried is how many keys a token without a kid is tried with: each costs up to
	// some 0.1 ms.
	maxTried = 10
	// minRSABits is the least that RFC 7518, section 3.3, allows.
	minRSABits = 2048
	// MinSecret is the least number of bytes of a shared secret that can be called one
	// (RFC 7518, section 3.2).
	MinSecret = 32
)

// hmacAlgorithms are those of shared secrets, with the size of key that each is given at
// least.
var hmacAlgorithms = map[jose.SignatureAlgorithm]int{jose.HS256: 32, jose.HS384: 48, jose.HS512: 64}

var rsaAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}

// Algorithms are the names of all that tokens can be signed with.
func Algorithms() []string {
	var names []string
	for _, a := range allAlgorithms() {
		names = append(names, string(a))
	}
	return names
}

func allAlgorithms() []jose.SignatureAlgorithm {
	return slices.Concat([]jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}, rsaAlgorithms,
		[]jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA})
}

// key is one that tokens may be signed with.
type key struct {
	id         string                    // its kid; "" is none
	algorithms []jose.SignatureAlgorithm // those that it can have and may be used with
	public     any                       // as go-jose takes it; nil for a secret
	secret     []byte
}

// verifier is the key in the form that go-jose verifies with.
func (k key) verifier(alg jose.SignatureAlgorithm) any {
	if k.secret == nil {
		return k.public
	}
	if size := hmacAlgorithms[alg]; len(k.secret) < size {
		// HMAC itself fills a key up with zeros (RFC 2104), so the result is the same.
		return append(bytes.Clone(k.secret), make([]byte, size-len(k.secret))...)
	}
	return k.secret
}

// keySet is all keys at one moment. It is not changed.
type keySet []key

// find returns the keys that may have signed a token, and whether its kid is known: a
// token without one may be signed by any key, a key without one may have signed any.
func (s keySet) find(kid string, alg jose.SignatureAlgorithm) (found keySet, known bool) {
	for _, k := range s {
		if kid != "" && k.id != "" && kid != k.id {
			continue
		}
		known = true
		if slices.Contains(k.algorithms, alg) && len(found) < maxTried {
			found = append(found, k)
		}
	}
	return found, known
}

// algorithms are those of all keys, in words.
func (s keySet) algorithms() string {
	var names []string
	for _, k := range s {
		for _, a := range k.algorithms {
			if !slices.Contains(names, string(a)) {
				names = append(names, string(a))
			}
		}
	}
	return strings.Join(names, ", ")
}

// reader reads keys. Its fields say which it takes.
type reader struct {
	allowed []jose.SignatureAlgorithm // empty is all
	secrets bool                      // whether a JWK may hold a shared secret
}

// secret returns the set of one shared secret.
func (r reader) secret(text string) (keySet, error) {
	return r.set([]key{{secret: []byte(text), algorithms: []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}}})
}

// parse reads PEM, a JWK or a set of JWKs. What is in a set and cannot be used is left
// out, as RFC 7517, section 5, says; skipped says why, and no key at all is an error.
func (r reader) parse(text []byte) (set keySet, skipped []error, err error) {
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return nil, nil, errors.New("it is empty")
	}
	var keys []key
	if text[0] == '{' {
		keys, skipped, err = r.parseJWK(text)
	} else {
		keys, err = parsePEM(text)
	}
	if err != nil {
		return nil, skipped, err
	}
	set, err = r.set(keys)
	if err != nil && len(skipped) > 0 {
		err = fmt.Errorf("%w: %w", err, errors.Join(skipped...))
	}
	return set, skipped, err
}

// set is keys with the algorithms that are allowed, without those that have none.
func (r reader) set(keys []key) (keySet, error) {
	var set keySet
	for _, k := range keys {
		k.algorithms = slices.DeleteFunc(slices.Clone(k.algorithms), func(a jose.SignatureAlgorithm) bool {
			return len(r.allowed) > 0 && !slices.Contains(r.allowed, a)
		})
		if len(k.algorithms) > 0 {
			set = append(set, k)
		}
	}
	switch {
	case len(keys) == 0:
		return nil, errors.New("it holds no key that can be used")
	case len(set) == 0:
		return nil, fmt.Errorf("%w: the keys can have %s, none of which is allowed", ErrAlgorithms, keySet(keys).algorithms())
	}
	return set, nil
}

// parseJWK reads a JWK or a set.
func (r reader) parseJWK(text []byte) (keys []key, skipped []error, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, nil, fmt.Errorf("it is no JWK and no set of JWKs: %w", err)
	}
	if set.Keys == nil {
		k, err := r.jwk(text)
		if err != nil {
			return nil, nil, err
		}
		return []key{k}, nil, nil
	}
	if len(set.Keys) > maxKeys {
		return nil, nil, fmt.Errorf("it has %d keys, at most %d are allowed", len(set.Keys), maxKeys)
	}
	for i, one := range set.Keys {
		k, err := r.jwk(one)
		if err != nil {
			skipped = append(skipped, fmt.Errorf("key %d: %w", i+1, err))
			continue
		}
		keys = append(keys, k)
	}
	return keys, skipped, nil
}

// jwk reads one.
func (r reader) jwk(text []byte) (key, error) {
	var read jose.JSONWebKey
	if err := read.UnmarshalJSON(text); err != nil {
		return key{}, err
	}
	if read.Use != "" && read.Use != "sig" {
		return key{}, fmt.Errorf("it is not for signatures (use %q)", read.Use)
	}
	if secret, ok := read.Key.([]byte); ok {
		if !r.secrets {
			return key{}, errors.New("it is a shared secret, which nothing public may hold")
		}
		return limited(key{id: read.KeyID, secret: secret, algorithms: []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}}, read.Algorithm)
	}
	k, err := publicKey(read.Key)
	if err != nil {
		return key{}, err
	}
	k.id = read.KeyID
	return limited(k, read.Algorithm)
}

// limited is k with only the algorithm that a JWK names; "" is none.
func limited(k key, alg string) (key, error) {
	if alg == "" {
		return k, nil
	}
	if !slices.Contains(k.algorithms, jose.SignatureAlgorithm(alg)) {
		return key{}, fmt.Errorf("its key cannot have its algorithm %q", alg)
	}
	k.algorithms = []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)}
	return k, nil
}

// parsePEM reads public keys and certificates.
func parsePEM(text []byte) (keys []key, err error) {
	for len(keys) < maxKeys {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		k, err := parseBlock(block)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds neither PEM nor JSON")
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (key, error) {
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
		}
	default:
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return key{}, errPrivate
		}
		err = errors.New("only public keys and certificates are taken")
	}
	if err != nil {
		return key{}, fmt.Errorf("PEM block %q: %w", block.Type, err)
	}
	return publicKey(public)
}

// errPrivate: what verifies tokens has no use for a key that makes them.
var errPrivate = errors.New("it is a private key: give the public one, this service only verifies")

// publicKey returns key with the algorithms that it can have.
func publicKey(public any) (key, error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits {
			return key{}, fmt.Errorf("it is an RSA key of %d bits, at least %d are needed", bits, minRSABits)
		}
		return key{public: public, algorithms: rsaAlgorithms}, nil
	case *ecdsa.PublicKey:
		alg, ok := map[elliptic.Curve]jose.SignatureAlgorithm{elliptic.P256(): jose.ES256, elliptic.P384(): jose.ES384, elliptic.P521(): jose.ES512}[public.Curve]
		if !ok {
			return key{}, fmt.Errorf("its curve %s is not one of P-256, P-384 and P-521", public.Params().Name)
		}
		return key{public: public, algorithms: []jose.SignatureAlgorithm{alg}}, nil
	case ed25519.PublicKey:
		return key{public: public, algorithms: []jose.SignatureAlgorithm{jose.EdDSA}}, nil
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return key{}, errPrivate
	default:
		return key{}, fmt.Errorf("keys of its kind (%T) cannot be used", public)
	}
}
