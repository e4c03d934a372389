// Package webclient serves the client library to browsers: the scripts that pages import,
// and that of the SharedWorker which holds a browser's stream (rule B2).
//
// Each script has two names. One has the hash of the content in it and may be kept for
// ever; the other stays and is asked for each time, which is answered with 304 as long as
// nothing has changed. The scripts in dist are made of the sources in src by go generate.
package webclient

import (
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/assets"
	"heliograph/adapters/http/ginjson"
)

//go:generate go run ../../../test/clientbundle/generate

// Path is where the scripts are, by name.
const Path = "/api/client/:file"

// manifestName lists the scripts: for pages that name the one with the hash, or its hash.
const manifestName = "manifest.json"

//go:embed dist
var dist embed.FS

// Handler serves the scripts. It is immutable.
type Handler struct {
	files map[string]assets.File
	log   *slog.Logger
}

// New returns the handler of the scripts that the program was built with.
func New(log *slog.Logger) *Handler { return &Handler{files: embedded(), log: log} }

// embedded compresses the scripts once per process: it takes milliseconds.
var embedded = sync.OnceValue(func() map[string]assets.File {
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

func load(folder fs.FS) map[string]assets.File {
	files, manifest := map[string]assets.File{}, map[string]script{}
	names, err := fs.Glob(folder, "*.js")
	if err != nil {
		panic(err) // the pattern is a good one
	}
	for _, name := range names {
		content, err := fs.ReadFile(folder, name)
		if err != nil {
			panic(err) // it is embedded
		}
		long := sha512.Sum384(content)
		hashed := strings.TrimSuffix(name, ".js") + "." + assets.Hash(content) + ".js"
		manifest[name] = script{Path: hashed, Integrity: "sha384-" + base64.StdEncoding.EncodeToString(long[:]), Bytes: len(content)}
		f := assets.New("text/javascript; charset=utf-8", content)
		files[name], files[hashed] = f, f.Lasting()
	}
	content, err := json.Marshal(manifest)
	if err != nil {
		panic(err) // strings and numbers can be marshalled
	}
	files[manifestName] = assets.New("application/json", content)
	return files
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
	f.ServeHTTP(c.Writer, c.Request)
}
