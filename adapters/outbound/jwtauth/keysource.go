package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/adapters/internal/watchfile"
	"heliograph/domain/access"
)

const (
	// refreshInterval is how often a URL is asked for its keys.
	refreshInterval = 5 * time.Minute
	// retryInterval is how long it is left in peace after it failed, and how long at least
	// between two requests because of unknown kids (rule A3).
	retryInterval = 5 * time.Second
	// fetchTime and maxFetched bound one request: time to the last byte, and bytes.
	fetchTime  = 5 * time.Second
	maxFetched = 1 << 20
	// waitTime is how long a token with an unknown kid waits for the keys that were asked for.
	waitTime = 2 * time.Second
)

// keySource is where the keys come from. It is safe for concurrent use.
type keySource interface {
	// current returns the keys. Errors: access.ErrUnavailable when there are none yet.
	current() (keySet, error)
	// refreshed returns newer keys, if they can be had within two seconds. Errors:
	// ctx.Err().
	refreshed(ctx context.Context) (keySet, error)
	// serve keeps the keys up to date until ctx ends.
	serve(ctx context.Context)
}

func newKeySource(cfg Config, r reader, log *slog.Logger) (keySource, error) {
	switch {
	case cfg.JWKSURL != "":
		return newRemote(cfg.JWKSURL, r, log)
	case cfg.KeyFile != "":
		return newFile(cfg.KeyFile, r, log)
	default:
		set, err := r.secret(cfg.Secret)
		return fixed{set}, err
	}
}

// fixed is keys that do not change.
type fixed struct{ set keySet }

func (f fixed) current() (keySet, error) { return f.set, nil }

func (f fixed) refreshed(context.Context) (keySet, error) { return f.set, nil }

func (fixed) serve(ctx context.Context) { <-ctx.Done() }

// file is keys in a file, which is read again when it changes.
type file struct {
	path    string
	reader  reader
	log     *slog.Logger
	content []byte // at the start
	set     atomic.Pointer[keySet]
}

func newFile(path string, r reader, log *slog.Logger) (*file, error) {
	content, err := watchfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	f := &file{path: path, reader: r, log: log, content: content}
	if err := f.take(content); err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return f, nil
}

func (f *file) take(content []byte) error {
	set, skipped, err := f.reader.parse(content)
	if err != nil {
		return err
	}
	logSkipped(f.log, skipped)
	f.set.Store(&set)
	return nil
}

func logSkipped(log *slog.Logger, skipped []error) {
	for _, why := range skipped {
		log.Warn("key for JWTs left out", slog.Any("error", why))
	}
}

func (f *file) current() (keySet, error) { return *f.set.Load(), nil }

func (f *file) refreshed(context.Context) (keySet, error) { return *f.set.Load(), nil }

func (f *file) serve(ctx context.Context) {
	watchfile.Follow(ctx, f.path, f.content, func(content []byte, err error) {
		if err == nil {
			err = f.take(content)
		}
		if err != nil {
			f.log.ErrorContext(ctx, "file of keys for JWTs cannot be used, the former keys stay", slog.String("path", f.path), slog.Any("error", err))
			return
		}
		f.log.InfoContext(ctx, "keys for JWTs read again", slog.String("path", f.path), slog.Int("keys", len(*f.set.Load())))
	})
}

// remote is keys at a URL, fetched in the background.
type remote struct {
	url    string
	client *http.Client
	reader reader
	log    *slog.Logger
	set    atomic.Pointer[keySet] // nil until there are any
	wanted chan struct{}          // has room for one wish to fetch now

	mu      sync.Mutex
	began   time.Time     // when the last fetch did; guarded by mu
	fetched chan struct{} // closed when the fetch that was asked for or is under way has ended; nil is none; guarded by mu
	failure error         // of the last fetch; guarded by mu
}

func newRemote(rawURL string, r reader, log *slog.Logger) (*remote, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("want an absolute http or https URL")
	}
	return &remote{
		url: rawURL, reader: r, log: log, wanted: make(chan struct{}, 1), failure: errors.New("they were not asked for yet"),
		client: &http.Client{
			Timeout:       fetchTime,
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// errNoKeys tells clients and operators what is missing; the log says why.
var errNoKeys = fmt.Errorf("%w: the keys for JWTs could not be fetched yet", access.ErrUnavailable)

func (r *remote) current() (keySet, error) {
	if set := r.set.Load(); set != nil {
		return *set, nil
	}
	return nil, errNoKeys
}

func (r *remote) refreshed(ctx context.Context) (keySet, error) {
	if fetched := r.ask(); fetched != nil {
		patience := time.NewTimer(waitTime)
		defer patience.Stop()
		select {
		case <-fetched:
		case <-patience.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return r.current()
}

// ask has the keys fetched soon and returns what is closed then; nil if that was done
// just now.
func (r *remote) ask() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fetched != nil {
		return r.fetched
	}
	if time.Since(r.began) < retryInterval {
		return nil
	}
	r.fetched = make(chan struct{})
	select {
	case r.wanted <- struct{}{}:
	default:
	}
	return r.fetched
}

func (r *remote) serve(ctx context.Context) {
	defer r.client.CloseIdleConnections()
	for {
		pause := refreshInterval
		if r.fetch(ctx) != nil {
			pause = retryInterval
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.wanted:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// fetch gets the keys. If that fails the former ones stay.
func (r *remote) fetch(ctx context.Context) error {
	r.mu.Lock()
	r.began = time.Now()
	if r.fetched == nil {
		r.fetched = make(chan struct{})
	}
	r.mu.Unlock()
	set, skipped, err := r.get(ctx)
	if err == nil {
		r.set.Store(&set)
	}
	r.mu.Lock()
	before := r.failure
	r.failure = err
	close(r.fetched)
	r.fetched = nil
	r.mu.Unlock()
	if ctx.Err() == nil {
		r.report(ctx, before, err, skipped)
	}
	return err
}

// report logs when fetching begins to fail, or succeeds again.
func (r *remote) report(ctx context.Context, before, now error, skipped []error) {
	switch {
	case now != nil && (before == nil || before.Error() != now.Error()):
		r.log.WarnContext(ctx, "keys for JWTs cannot be fetched, the former ones stay", slog.Any("error", now), slog.Bool("has_keys", r.set.Load() != nil))
	case now == nil && before != nil:
		r.log.InfoContext(ctx, "keys for JWTs fetched", slog.Int("keys", len(*r.set.Load())))
		logSkipped(r.log, skipped)
	}
}

func (r *remote) get(ctx context.Context) (keySet, []error, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, http.NoBody)
	if err != nil {
		return nil, nil, withoutURL(err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, nil, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("the URL answered %d", resp.StatusCode)
	}
	text, err := io.ReadAll(http.MaxBytesReader(nil, resp.Body, maxFetched))
	if err != nil {
		return nil, nil, withoutURL(err)
	}
	return r.reader.parse(text)
}

// withoutURL drops the URL from an error of http.Client: it may hold a secret, and the
// text goes to logs.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
