// Package console serves the console: the page at "/" that shows tasks, streams and the
// service itself, and starts and stops what can be (rules W).
//
// The page needs no credential: it is the same for everyone, and asks for one if the API
// does. What it shows comes from the API, with the caller's own scopes. Its script and its
// style have the hash of their content in their names and may be kept for ever; dist has
// them, made of the sources in src by go generate. README.md says how the sources are made.
package console

import (
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/http/assets"
	"heliograph/adapters/http/ginjson"
)

//go:generate go run ../../../test/clientbundle/generate

// The paths: of the page, and of its files by name.
const (
	Path      = "/"
	FilesPath = "/console/:file"
)

// Policy is the page's Content-Security-Policy: nothing inline, nothing from elsewhere, and
// no HTML that is made of text.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'; " +
	"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// Mode says what the console offers. What a caller may do is decided by the API.
type Mode string

// The modes.
const (
	Read Mode = "read" // nothing that changes something
	Full Mode = "full"
)

//go:embed dist page.html
var sources embed.FS

// types are the types of files that there are, by the ends of their names.
var types = map[string]string{
	".js":  "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

// Handler serves the console. It is immutable.
type Handler struct {
	page  assets.File
	files map[string]assets.File
	log   *slog.Logger
}

// New returns the handler of the console that the program was built with. live says that this service
// holds browsers' streams; without them the page asks again and again.
func New(mode Mode, live bool, log *slog.Logger) *Handler {
	folder, err := fs.Sub(sources, "dist")
	if err != nil {
		panic(err) // the folder is embedded
	}
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		panic(err)
	}
	h, names := &Handler{files: map[string]assets.File{}, log: log}, map[string]string{}
	for _, entry := range entries {
		name := entry.Name()
		content, err := fs.ReadFile(folder, name)
		if err != nil {
			panic(err) // it is embedded
		}
		kind := path.Ext(name)
		hashed := strings.TrimSuffix(name, kind) + "." + assets.Hash(content) + kind
		h.files[hashed] = assets.New(types[kind], content).Lasting()
		names[name] = strings.Replace(FilesPath, ":file", hashed, 1)
	}
	var page strings.Builder
	if err := template.Must(template.ParseFS(sources, "page.html")).Execute(&page, map[string]any{
		"Mode": mode, "Live": live, "Script": names["console.js"], "Style": names["console.css"], "Icon": names["icon.svg"],
	}); err != nil {
		panic(err) // the template is a good one
	}
	h.page = assets.New("text/html; charset=utf-8", []byte(page.String()))
	return h
}

// Register adds the routes to e. They need no credential.
func (h *Handler) Register(e *gin.Engine) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Handle(method, Path, h.servePage)
		e.Handle(method, FilesPath, h.serveFile)
	}
}

func (h *Handler) servePage(c *gin.Context) {
	c.Header("Content-Security-Policy", Policy)
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Referrer-Policy", "no-referrer")
	c.Header("Cross-Origin-Opener-Policy", "same-origin")
	h.page.ServeHTTP(c.Writer, c.Request)
}

func (h *Handler) serveFile(c *gin.Context) {
	f, found := h.files[c.Param("file")]
	if !found {
		ginjson.Abort(c, h.log, &ginjson.Error{Status: http.StatusNotFound, Code: "NOT_FOUND", Message: "there is no such file"})
		return
	}
	c.Header("X-Content-Type-Options", "nosniff")
	f.ServeHTTP(c.Writer, c.Request)
}
