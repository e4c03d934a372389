package apikeys

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

const (
	// Prefix begins each key, so that it is told from other credentials, and found where it
	// must not be.
	Prefix = "hk_"
	// keyBytes is the size of a key's random part: with 192 bits there is nothing to guess,
	// so one fast hash hides it as well as a slow one, which is for what people choose.
	keyBytes = 24
)

// hash stands for a key, which itself is not kept.
type hash [sha256.Size]byte

func hashOf(key string) hash { return sha256.Sum256([]byte(key)) }

// New returns a new random key and its line for the file. Errors: what is wrong with the
// entry.
func New(e Entry) (key, line string, err error) {
	var random [keyBytes]byte
	_, _ = rand.Read(random[:]) // never fails
	key = Prefix + base64.RawURLEncoding.EncodeToString(random[:])
	line = e.line(hashOf(key))
	if _, err := parseLine(line); err != nil {
		return "", "", err
	}
	return key, line, nil
}
