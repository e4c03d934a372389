// Package webclient serves the client library to browsers: the scripts that pages import,
// and that of the SharedWorker which holds a browser's stream (rule B2).
//
// Each script has two names. One has the hash of the content in it and may be kept for
// ever; the other stays and is asked for each time, which is answered with 304 as long as
// nothing has changed. The scripts in dist are made of the sources in src by go generate.
package webclient

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/ginjson"
)

//go:generate go run ../../../test/clientbundle/generate

// Path is where the scripts are, by name.
const Path = "/api/client/:file"

// manifestName lists the scripts: for pages that name the one with the hash, or its hash.
const manifestName = "manifest.json"

//go:embed dist
var dist embed.FS

// a file is what one name answers.
type file struct {
	contentType  string
	cacheControl string
	etag         string
	plain        []byte
	zipped       []byte
}

// Handler serves the scripts. It is immutable.
type Handler struct {
	files map[string]file
	log   *slog.Logger
}

// New returns the handler of the scripts that the program was built with.
func New(log *slog.Logger) *Handler { return &Handler{files: embedded(), log: log} }

// embedded compresses the scripts once per process: it takes milliseconds.
var embedded = sync.OnceValue(func() map[string]file {
	folder, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return load(folder)
})

// script is a script's entry in the manifest.
type script struct {
	// Path is the name with the hash.
	Path string `json:"path"`
	// Integrity is for the attribute of that name of a script element.
	Integrity string `json:"integrity"`
	Bytes     int    `json:"bytes"`
}

func load(folder fs.FS) map[string]file {
	files, manifest := map[string]file{}, map[string]script{}
	names, err := fs.Glob(folder, "*.js")
	if err != nil {
		panic(err) // the pattern is a good one
	}
	for _, name := range names {
		content, err := fs.ReadFile(folder, name)
		if err != nil {
			panic(err) // it is embedded
		}
		sum, long := sha256.Sum256(content), sha512.Sum384(content)
		hash := hex.EncodeToString(sum[:6])
		hashed := strings.TrimSuffix(name, ".js") + "." + hash + ".js"
		manifest[name] = script{Path: hashed, Integrity: "sha384-" + base64.StdEncoding.EncodeToString(long[:]), Bytes: len(content)}
		f := newFile("text/javascript; charset=utf-8", hash, content)
		files[name] = f
		f.cacheControl = "public, max-age=31536000, immutable"
		files[hashed] = f
	}
	content, err := json.Marshal(manifest)
	if err != nil {
		panic(err) // strings and numbers can be marshalled
	}
	sum := sha256.Sum256(content)
	files[manifestName] = newFile("application/json", hex.EncodeToString(sum[:6]), content)
	return files
}

func newFile(contentType, hash string, content []byte) file {
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a good one
	}
	_, _ = w.Write(content) // a buffer takes everything
	_ = w.Close()
	return file{contentType: contentType, cacheControl: "public, no-cache", etag: hash, plain: content, zipped: zipped.Bytes()}
}

// Register adds the route to e. It needs no credential: what it serves is the same for
// all, and a page needs it to log in.
func (h *Handler) Register(e *gin.Engine) {
	e.GET(Path, h.serve)
	e.HEAD(Path, h.serve)
}

func (h *Handler) serve(c *gin.Context) {
	f, found := h.files[c.Param("file")]
	if !found {
		ginjson.Abort(c, h.log, &ginjson.Error{Status: http.StatusNotFound, Code: "NOT_FOUND", Message: "there is no such script"})
		return
	}
	content, etag := f.plain, `"`+f.etag+`"`
	if takesGzip(c.Request.Header) {
		content, etag = f.zipped, `"`+f.etag+`-gzip"`
		c.Header("Content-Encoding", "gzip")
	}
	c.Writer.Header().Add("Vary", "Accept-Encoding")
	c.Header("Content-Type", f.contentType)
	c.Header("Cache-Control", f.cacheControl)
	c.Header("ETag", etag)
	http.ServeContent(c.Writer, c.Request, "", time.Time{}, bytes.NewReader(content))
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
