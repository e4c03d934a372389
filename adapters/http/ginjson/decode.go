package ginjson

import (
	"runtime"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// lenient replaces an unpaired surrogate in a string (\ud83d) by U+FFFD instead of
// refusing it: programs that cut texts write them.
var lenient = jsontext.AllowInvalidUTF8(true)

// Decode reads JSON that Read returned into v, which is made for encoding/json.
// Field names count only as they are written: "Type" is none of "type".
func Decode(body []byte, v any) error { return json.Unmarshal(body, v, lenient) }

// parsing bounds how many large bodies are checked at the same time, because the
// check for repeated fields holds the names of all fields in memory.
var parsing = make(chan struct{}, runtime.GOMAXPROCS(0))

// largeBody is what makes a body a large one, in bytes.
const largeBody = 64 << 10

// valid reports whether body is one JSON value in UTF-8. Unless repeated, no object
// may have a field twice, because programs differ in which of the two they take.
func valid(body []byte, repeated bool) bool {
	if len(body) > largeBody {
		parsing <- struct{}{}
		defer func() { <-parsing }()
	}
	return utf8.Valid(body) && jsontext.Value(body).IsValid(lenient, jsontext.AllowDuplicateNames(repeated))
}
