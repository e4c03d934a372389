// Package assets serves files that the program was built with: scripts, styles and pages.
//
// A file is compressed once. It has a validator, so that a browser that has it already is
// answered with 304.
package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Forever is the Cache-Control of a file whose name changes with its content.
const Forever = "public, max-age=31536000, immutable"

// File is what one name answers. It is immutable.
type File struct {
	contentType  string
	cacheControl string
	etag         string
	plain        []byte
	zipped       []byte
}

// New returns a file that may be kept, but is asked for each time. The caller must not
// change content afterwards.
func New(contentType string, content []byte) File {
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a good one
	}
	_, _ = w.Write(content) // a buffer takes everything
	_ = w.Close()
	return File{contentType: contentType, cacheControl: "public, no-cache", etag: Hash(content), plain: content, zipped: zipped.Bytes()}
}

// Lasting returns the file for a name that has the hash of its content in it.
func (f File) Lasting() File {
	f.cacheControl = Forever
	return f
}

// Hash returns a short name of content.
func Hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:6])
}

// ServeHTTP answers GET and HEAD, compressed if the client takes that.
func (f File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, etag, header := f.plain, `"`+f.etag+`"`, w.Header()
	if takesGzip(r.Header) {
		content, etag = f.zipped, `"`+f.etag+`-gzip"`
		header.Set("Content-Encoding", "gzip")
	}
	header.Add("Vary", "Accept-Encoding")
	header.Set("Content-Type", f.contentType)
	header.Set("Cache-Control", f.cacheControl)
	header.Set("ETag", etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// takesGzip reports whether the client accepts gzip (RFC 9110, section 12.5.3).
func takesGzip(header http.Header) bool {
	for coding := range strings.SplitSeq(header.Get("Accept-Encoding"), ",") {
		name, weight, weighted := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";q=")
		if strings.EqualFold(name, "gzip") {
			quality, err := strconv.ParseFloat(weight, 64)
			return !weighted || err == nil && quality > 0
		}
	}
	return false
}
