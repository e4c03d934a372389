// Command shared-worker serves the sample page of this folder beside a running
// service, as a reverse proxy would: EventSource needs both on one origin.
package main

import (
	"flag"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

func main() {
	addr := flag.String("addr", "localhost:8081", "where to listen")
	service := flag.String("service", "http://localhost:8080", "the service")
	files := flag.String("files", "docs/examples/shared-worker", "the folder with page.html")
	flag.Parse()

	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	target, err := url.Parse(*service)
	if err != nil {
		log.Error("not a URL", slog.Any("error", err))
		os.Exit(1)
	}
	log.Info("open the page in two tabs", slog.String("url", "http://"+*addr+"/page.html"))
	server := &http.Server{Addr: *addr, Handler: site(target, *files), ReadHeaderTimeout: 5 * time.Second}
	log.Error("stopped", slog.Any("error", server.ListenAndServe()))
	os.Exit(1)
}

// site serves the files, and the service below /api/. ReverseProxy passes an
// event stream on without buffering.
func site(service *url.URL, files string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", httputil.NewSingleHostReverseProxy(service))
	mux.Handle("/", http.FileServer(http.Dir(files)))
	return mux
}
