package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"heliograph/test/freeport"
	"heliograph/test/sseclient"
)

// intermediary is a program between browsers and the service, set up as its users do.
type intermediary struct {
	name     string
	commands []string // of which one will do
	file     string   // the configuration; DIR, PORT and SERVICE stand for what a test has
	text     string
	args     []string
	prepare  func(t *testing.T, dir string) // may be nil
}

var intermediaries = []intermediary{
	{
		name: "nginx", commands: []string{"nginx", "/usr/sbin/nginx"}, file: "nginx.conf", // HTTP/1.0 to the service, which is the default
		text: nginx(""), args: []string{"-c", "DIR/nginx.conf", "-e", "stderr"},
	},
	{
		name: "nginx with HTTP 1.1", commands: []string{"nginx", "/usr/sbin/nginx"}, file: "nginx.conf",
		text: nginx(`proxy_http_version 1.1; proxy_set_header Connection "";`), args: []string{"-c", "DIR/nginx.conf", "-e", "stderr"},
	},
	{
		name: "HAProxy", commands: []string{"haproxy", "/usr/sbin/haproxy"}, file: "haproxy.cfg",
		text: `
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen stream
  bind 127.0.0.1:PORT
  compression algo gzip
  compression type text/event-stream
  server service SERVICE
`,
		args: []string{"-db", "-f", "DIR/haproxy.cfg"},
	},
	{
		name: "Varnish", commands: []string{"varnishd", "/usr/sbin/varnishd"}, file: "default.vcl",
		text: `vcl 4.1;
backend default { .host = "HOST"; .port = "SERVICEPORT"; }
`,
		args: []string{"-F", "-j", "none", "-f", "DIR/default.vcl", "-a", "127.0.0.1:PORT", "-n", "DIR", "-s", "malloc,32M"},
	},
	{
		name: "Apache", commands: []string{"apache2", "/usr/sbin/apache2"}, file: "httpd.conf",
		text: `ServerRoot DIR
ServerName localhost
PidFile DIR/pid
Mutex file:DIR
ErrorLog DIR/errors
Listen 127.0.0.1:PORT
User www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
ProxyPass / http://SERVICE/
`,
		args: []string{"-DFOREGROUND", "-f", "DIR/httpd.conf"},
	},
	{
		name: "Caddy", commands: []string{"caddy"}, file: "Caddyfile",
		text: `{
	admin off
	auto_https off
	storage file_system DIR
}
http://127.0.0.1:PORT {
	encode gzip
	reverse_proxy SERVICE
}
`,
		args: []string{"run", "--config", "DIR/Caddyfile", "--adapter", "caddyfile"},
	},
	{
		name: "Squid", commands: []string{"squid", "/usr/sbin/squid"}, file: "squid.conf",
		text: `http_port 127.0.0.1:PORT accel defaultsite=localhost
cache_peer HOST parent SERVICEPORT 0 no-query originserver name=service
http_access allow all
cache deny all
pid_filename DIR/pid
access_log none
cache_log DIR/log
coredump_dir DIR
`,
		args: []string{"-N", "-f", "DIR/squid.conf"},
	},
	{
		name: "lighttpd", commands: []string{"lighttpd", "/usr/sbin/lighttpd"}, file: "lighttpd.conf",
		text: `server.document-root = "DIR"
server.bind = "127.0.0.1"
server.port = PORT
server.modules = ("mod_proxy")
server.stream-response-body = 1
proxy.server = ("" => (("host" => "HOST", "port" => SERVICEPORT)))
`,
		args: []string{"-D", "-f", "DIR/lighttpd.conf"},
	},
	{
		// As the development servers of frontends do, webpack's for one.
		name: "express with compression", commands: []string{"node"}, file: "server.js",
		text: `const express = require('express'), compression = require('compression');
const { createProxyMiddleware } = require('http-proxy-middleware');
const app = express();
app.use(compression());
app.use(createProxyMiddleware({ target: 'http://SERVICE' }));
app.listen(PORT, '127.0.0.1');
`,
		args: []string{"DIR/server.js"}, prepare: installExpress,
	},
}

func nginx(more string) string {
	return `daemon off;
user root;
pid DIR/pid;
events {}
http {
	access_log off;
	client_body_temp_path DIR/client; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi; uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
	gzip on;
	server { listen 127.0.0.1:PORT; location / { proxy_pass http://SERVICE; ` + more + ` } }
}
`
}

// installExpress has npm fetch what the server needs.
func installExpress(t *testing.T, dir string) {
	t.Helper()
	text := `{"private": true, "dependencies": {"compression": "1.8.0", "express": "4.21.2", "http-proxy-middleware": "3.0.3"}}`
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--prefix", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("npm cannot install express: %v\n%s", err, out))
	}
}

// missing says that something which the test needs is not there: a failure where
// everything has to be (see .ci/needs), and otherwise something to see.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" { //nolint:forbidigo // not configuration of ours
		t.Fatal(what)
	}
	fmt.Fprintf(os.Stderr, "NOT TESTED: %s: %s\n", t.Name(), what)
	t.Skip(what)
}

// start runs the program before a service, and returns where it listens.
func (p intermediary) start(t *testing.T, service string) (url string) {
	t.Helper()
	command := ""
	for _, c := range p.commands {
		if path, err := exec.LookPath(c); err == nil {
			command = path
			break
		}
	}
	if command == "" {
		missing(t, p.name+" is not installed; make needs does so")
	}
	dir, err := os.MkdirTemp("", "heliograph-proxy-") //nolint:usetesting // those that give up root could not read t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { // they write to it as another user
		t.Fatal(err)
	}
	if p.prepare != nil {
		p.prepare(t, dir)
	}
	addr := freeport.Addr(t)
	_, port, _ := net.SplitHostPort(addr)
	host, servicePort, _ := net.SplitHostPort(service)
	fill := strings.NewReplacer("DIR", dir, "SERVICEPORT", servicePort, "SERVICE", service, "PORT", port, "HOST", host).Replace
	if err := os.WriteFile(filepath.Join(dir, p.file), []byte(fill(p.text)), 0o644); err != nil {
		t.Fatal(err)
	}
	args := make([]string, len(p.args))
	for i, arg := range p.args {
		args[i] = fill(arg)
	}
	run(t, exec.Command(command, args...), dir, addr)
	return "http://" + addr
}

// run runs a program, which has a folder to itself, until the test ends.
func run(t *testing.T, cmd *exec.Cmd, dir, addr string) {
	t.Helper()
	var log bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	cmd.Env = append(cmd.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children end with it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		if t.Failed() {
			t.Logf("%s:\n%s", cmd.Path, log.Bytes())
		}
	})
	eventually(t, cmd.Path+" listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s ended: %s\n%s", cmd.Path, cmd.ProcessState, log.Bytes())
		default:
		}
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func TestAStreamPassesThroughRealProxies(t *testing.T) { // G7, G8
	t.Parallel()
	for _, p := range intermediaries {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "SSE_HEARTBEAT_INTERVAL=1s")
			url := p.start(t, s.addr)
			leaves, stays := s.through(t, url, "leaves"), s.through(t, url, "stays")
			for _, version := range []string{"1", "2", "3"} { // each is there before the next is sent
				s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"`+version+`"}`)
				leaves.await(t, version)
				stays.await(t, version)
			}
			leaves.close()
			eventually(t, "the service notices that a client has left", func() bool {
				return s.scrape(t)["sse_gateway_active_connections"] == 1
			})
			s.terminate(t)
			if err := stays.awaitEnd(t); err != nil {
				t.Errorf("the stream of a service that stops ended with %v", err)
			}
		})
	}
}

// passed is a stream that came through a proxy.
type passed struct {
	items <-chan sseclient.Item // closed at its end
	ended <-chan error
	close func()
}

// through opens a stream as browsers do, which take compressed answers.
func (s *service) through(t *testing.T, url, id string) *passed {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/sse/stream?request_id="+id, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Accept-Encoding", "gzip, deflate, br")
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if encoding := res.Header.Get("Content-Encoding"); res.StatusCode != http.StatusOK || encoding != "" {
		t.Fatalf("status %d, Content-Encoding %q", res.StatusCode, encoding)
	}
	items, ended := make(chan sseclient.Item, 1000), make(chan error, 1)
	go func() {
		defer close(items)
		d := sseclient.NewDecoder(res.Body, "")
		for {
			item, err := d.Next()
			if err != nil {
				ended <- err
				return
			}
			items <- item
		}
	}()
	p := &passed{items: items, ended: ended, close: func() {
		_ = res.Body.Close()
		transport.CloseIdleConnections()
	}}
	t.Cleanup(p.close)
	return p
}

// await waits for a version.
func (p *passed) await(t *testing.T, version string) {
	t.Helper()
	for {
		item := await(t, "version "+version+" comes through", p.items)
		if item.Kind == 0 {
			t.Fatal("the stream ended")
		}
		if item.Event.Name == "version" && strings.Contains(item.Event.Data, `"`+version+`"`) {
			return
		}
	}
}

// awaitEnd returns nil for a clean end, which is one after a retry.
func (p *passed) awaitEnd(t *testing.T) error {
	t.Helper()
	retry := false
	for {
		item := await(t, "the stream ends", p.items)
		if item.Kind == 0 {
			break
		}
		retry = retry || item.Kind == sseclient.KindRetry
	}
	if err := <-p.ended; err != io.EOF { //nolint:errorlint // any other is one
		return err
	}
	if !retry {
		return fmt.Errorf("no retry")
	}
	return nil
}

func TestAProgramThatKnowsOnlyChunksGetsEventsAtOnce(t *testing.T) { // gateway-protocol, "Client → gateway"
	t.Parallel()
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import requests").Run(); err != nil {
		missing(t, "Python's requests is not installed; make needs does so")
	}
	s := start(t)
	const script = `
import requests, sys
r = requests.get(sys.argv[1], stream=True)
print(r.headers.get("Transfer-Encoding"), flush=True)
for line in r.iter_lines():
    print(line.decode(), flush=True)
`
	cmd := exec.CommandContext(t.Context(), "python3", "-c", script, s.url+"/api/sse/stream?request_id=python")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		text, buf := "", make([]byte, 4096)
		for {
			n, err := out.Read(buf)
			text += string(buf[:n])
			for line, rest, found := strings.Cut(text, "\n"); found; line, rest, found = strings.Cut(text, "\n") {
				lines <- line
				text = rest
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if got := await(t, "the headers", lines); got != "chunked" {
		t.Errorf("Transfer-Encoding: %s", got)
	}
	for _, version := range []string{"1", "2"} {
		s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"`+version+`"}`)
		for line := ""; line != `data: {"version":"`+version+`"}`; {
			line = await(t, "version "+version, lines)
		}
	}
}
