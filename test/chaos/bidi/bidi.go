// Package bidi drives Firefox over WebDriver BiDi, as far as tests need it: tabs, their
// navigation and history, and scripts in them.
package bidi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/coder/websocket"
)

// preferences keep a new profile from asking, updating and calling home; pages may open
// tabs, and what is served by a test need not be the newest.
const preferences = `
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.safebrowsing.downloads.remote.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.page", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.disable_open_during_load", false);
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,#remote-settings-dummy/v1");
user_pref("toolkit.telemetry.server", "");
`

// listening is what Firefox says before the address of its BiDi socket.
const listening = "WebDriver BiDi listening on "

// Browser is a Firefox that runs. Its methods may be called from several goroutines.
type Browser struct {
	cmd  *exec.Cmd
	conn *websocket.Conn
	done chan struct{} // closed when nothing comes any more; failure is set then

	mu      sync.Mutex
	last    int                    // the newest command's ID; guarded by mu
	open    map[int]chan<- message // commands without an answer; guarded by mu
	failure error
}

type message struct {
	ID      int             `json:"id"`
	Type    string          `json:"type"`
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
}

// Launch starts the Firefox at path, without a window, with a new profile in the folder
// profile, in a process group of its own. ctx ends it at the latest.
func Launch(ctx context.Context, path, profile string) (*Browser, error) {
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(preferences), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank") //nolint:gosec // the test's own
	cmd.Env = append(os.Environ(), "HOME="+profile, "MOZ_CRASHREPORTER_DISABLE=1")                                                          //nolint:forbidigo // what a browser needs of it is the system's business
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b := &Browser{cmd: cmd, done: make(chan struct{}), open: map[int]chan<- message{}}
	if err := b.connect(ctx, stderr); err != nil {
		b.kill()
		return nil, err
	}
	return b, nil
}

func (b *Browser) connect(ctx context.Context, stderr io.Reader) error {
	lines := bufio.NewScanner(stderr)
	var said []string
	url := ""
	for url == "" && lines.Scan() {
		_, url, _ = strings.Cut(lines.Text(), listening)
		said = append(said, lines.Text())
	}
	if url == "" {
		return fmt.Errorf("firefox did not listen, and said %q", said)
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	conn, resp, err := websocket.Dial(ctx, url+"/session", nil)
	if err != nil {
		return err
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	conn.SetReadLimit(-1)
	b.conn = conn
	go b.read(ctx)
	return b.call(ctx, "session.new", map[string]any{"capabilities": map[string]any{}}, nil)
}

func (b *Browser) read(ctx context.Context) {
	defer close(b.done)
	for {
		_, data, err := b.conn.Read(ctx)
		if err != nil {
			b.failure = err
			return
		}
		var m message
		if err := json.Unmarshal(data, &m); err != nil || m.ID == 0 { // an event
			continue
		}
		b.mu.Lock()
		answer := b.open[m.ID]
		delete(b.open, m.ID)
		b.mu.Unlock()
		if answer != nil {
			answer <- m
		}
	}
}

// call sends a command and decodes its answer into result, unless that is nil.
func (b *Browser) call(ctx context.Context, method string, params, result any) error {
	answered := make(chan message, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.open[id] = answered
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.open, id)
		b.mu.Unlock()
	}()
	data, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		return err
	}
	if err := b.conn.Write(context.WithoutCancel(ctx), websocket.MessageText, data); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-answered:
		if m.Type == "error" {
			return fmt.Errorf("%s: %s: %s", method, m.Error, m.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-b.done:
		return fmt.Errorf("%s: firefox is gone: %w", method, b.failure)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// Signal sends a signal to all processes of the browser.
func (b *Browser) Signal(sig syscall.Signal) error { return syscall.Kill(-b.cmd.Process.Pid, sig) }

// Close ends the browser and waits until it is gone.
func (b *Browser) Close() {
	_ = b.conn.CloseNow()
	<-b.done
	b.kill()
}

func (b *Browser) kill() {
	_ = b.Signal(syscall.SIGKILL) // its profile goes, too
	_ = b.cmd.Wait()
}

// A Tab is a browsing context of its own.
type Tab struct {
	browser *Browser
	id      string
}

type contextID struct {
	Context string `json:"context"`
}

// Open opens an empty tab.
func (b *Browser) Open(ctx context.Context) (*Tab, error) {
	var created contextID
	err := b.call(ctx, "browsingContext.create", map[string]any{"type": "tab"}, &created)
	return &Tab{b, created.Context}, err
}

// Tabs returns all tabs.
func (b *Browser) Tabs(ctx context.Context) ([]*Tab, error) {
	var tree struct {
		Contexts []contextID `json:"contexts"`
	}
	if err := b.call(ctx, "browsingContext.getTree", map[string]any{"maxDepth": 0}, &tree); err != nil {
		return nil, err
	}
	tabs := make([]*Tab, len(tree.Contexts))
	for i, c := range tree.Contexts {
		tabs[i] = &Tab{b, c.Context}
	}
	return tabs, nil
}

// Is says whether both are the same tab.
func (t *Tab) Is(other *Tab) bool { return t.id == other.id }

// Navigate shows a page, and returns when it has loaded.
func (t *Tab) Navigate(ctx context.Context, url string) error {
	return t.browser.call(ctx, "browsingContext.navigate", map[string]any{"context": t.id, "url": url, "wait": "complete"}, nil)
}

// Reload loads the page again, and returns when it has loaded.
func (t *Tab) Reload(ctx context.Context) error {
	return t.browser.call(ctx, "browsingContext.reload", map[string]any{"context": t.id, "wait": "complete"}, nil)
}

// Go goes forward in the history; a negative number goes back.
func (t *Tab) Go(ctx context.Context, steps int) error {
	return t.browser.call(ctx, "browsingContext.traverseHistory", map[string]any{"context": t.id, "delta": steps}, nil)
}

// Close closes the tab, without asking the page.
func (t *Tab) Close(ctx context.Context) error {
	return t.browser.call(ctx, "browsingContext.close", map[string]any{"context": t.id}, nil)
}

// Evaluate returns what an expression is as text, as after a click; a promise is waited for.
func (t *Tab) Evaluate(ctx context.Context, expression string) (string, error) {
	var answer struct {
		Type             string `json:"type"`
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	err := t.browser.call(ctx, "script.evaluate", map[string]any{
		"expression": fmt.Sprintf("(async () => String(await (%s)))()", expression), "target": map[string]any{"context": t.id},
		"awaitPromise": true, "userActivation": true,
	}, &answer)
	if err == nil && answer.Type == "exception" {
		err = errors.New(answer.ExceptionDetails.Text)
	}
	return answer.Result.Value, err
}
