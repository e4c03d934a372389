package e2e_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"heliograph/test/freeport"
)

// accessPage is the document whose commands these tests run.
const accessPage = "../../docs/access.md"

// documented returns the commands below comments <!-- run: name --> of the document, in
// order, for a service at addr.
func documented(t *testing.T, name, addr string) string {
	t.Helper()
	return documentedIn(t, accessPage, name, addr)
}

// documentedIn is documented for another page.
func documentedIn(t *testing.T, page, name, addr string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var commands strings.Builder
	for _, part := range strings.Split(string(text), "<!-- run: "+name+" -->\n```sh\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		commands.WriteString(block)
	}
	if commands.Len() == 0 {
		t.Fatalf("the document has no commands that are called %s", name)
	}
	return strings.ReplaceAll(commands.String(), "localhost:8080", addr)
}

// shell returns a command that runs a script of the document in a folder.
func shell(t *testing.T, dir, script string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("bash", "-c", script)
	path := filepath.Dir(binary(t)) + string(filepath.ListSeparator) + os.Getenv("PATH") //nolint:forbidigo // head, curl and the like
	cmd.Dir, cmd.Env = dir, append(append(environ(), "PATH="+path), env...)
	return cmd
}

// The first section of docs/access.md does what it says, from an empty folder.
func TestTheFiveMinutesOfTheAccessPage(t *testing.T) { // A1, A9, A11, A12
	t.Parallel()
	for _, name := range []string{"bash", "curl"} {
		program(t, name)
	}
	dir, addr := t.TempDir(), freeport.Addr(t)
	serve := shell(t, dir, strings.Replace(documented(t, "serve", addr), "heliograph serve", "exec heliograph serve", 1), "HTTP_ADDR="+addr, quick)
	p := launchAsIs(t, serve, "serve")
	p.awaitAddr(t)

	var out, errs bytes.Buffer
	client := shell(t, dir, documented(t, "client", addr))
	client.Stdout, client.Stderr = &out, &errs
	if err := client.Run(); err != nil {
		t.Fatalf("the commands end with %v: %s\n%s", err, &out, &errs)
	}
	for _, want := range []string{
		`"status":"pending"`, "ann.txt:6\n", "bob.txt:0\n", `{"tasks":[],"next_cursor":null}`, `"code":"UNAUTHORIZED"`, "good: it is of ann\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the commands do not print %q, but:\n%s\n%s", want, &out, &errs)
		}
	}
	secret, err := os.ReadFile(filepath.Join(dir, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	p.logs.mustBeClean(t, strings.TrimSpace(string(secret)))
}

// The keys of docs/access.md let a worker in, and a backend that follows a task.
func TestTheKeysOfTheAccessPage(t *testing.T) { // A5, A8
	t.Parallel()
	dir := t.TempDir()
	if out, err := shell(t, dir, documented(t, "keys", "")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	key := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	withEachSample(t, func(t *testing.T, command []string) {
		s := start(t, "AUTH=required", "AUTH_KEYS_FILE="+filepath.Join(dir, "keys"), "TASKS_FILE="+filepath.Join(samples, "tasks.yaml"), versionless)
		started := s.as(key("shop")).startAnswer(t, `{"type":"count","params":{"steps":2,"delay":0},"follow":"read"}`)
		s.work(t, command, "HELIOGRAPH_TOKEN="+key("importer"))
		eventually(t, "the worker completes the task", func() bool {
			return s.as(started.FollowToken).status(t, started.TaskID).Status == "completed"
		})
		s.logs.mustBeClean(t, key("shop"), key("importer"), started.FollowToken)
	})
}

// A terminal's client sends the credential that the variable holds.
func TestRunSendsItsCredential(t *testing.T) { // A4
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, secured()...)
		args := []string{"run", "demo_task", "-p", "steps=1", "--url", s.url}
		token := tokenOf(t, "ann", nil)
		if status, out, said := heliograph(t, []string{"HELIOGRAPH_TOKEN=" + token}, args...); status != 0 || !strings.Contains(out, "success") {
			t.Errorf("with a credential: exit status %d, %s%s", status, out, said)
		}
		if status, out, said := heliograph(t, nil, args...); status == 0 || !strings.Contains(said, "credential") {
			t.Errorf("without a credential: exit status %d, %s%s", status, out, said)
		}
		if status, _, said := heliograph(t, []string{"HELIOGRAPH_TOKEN=" + token + "x"}, args...); status == 0 || strings.Contains(said, token) {
			t.Errorf("with a bad credential: exit status %d, %s", status, said)
		}
	})
}

// nginx, as docs/access.md has it, lets in whom the authenticating service knows, and
// replaces what clients say of themselves.
func TestTheAuthenticatingProxyOfTheAccessPage(t *testing.T) { // A2, A10, A12
	t.Parallel()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = program(t, "/usr/sbin/nginx") // a user's path may lack that folder
	}
	dir, addr, front := t.TempDir(), freeport.Addr(t), freeport.Addr(t)
	s := start(t, "AUTH=required", "AUTH_PROXY_USER_HEADER=X-Forwarded-User", "AUTH_PROXY_ROLES_HEADER=X-Forwarded-Groups",
		"TRUSTED_PROXIES=127.0.0.1", "HTTP_ADDR="+addr, versionless)
	login := serveLogin(t)

	text, err := os.ReadFile(accessPage)
	if err != nil {
		t.Fatal(err)
	}
	_, sample, _ := strings.Cut(string(text), "```nginx\n")
	sample, _, _ = strings.Cut(sample, "```")
	sample = strings.NewReplacer("listen 443 ssl;", "listen "+front+";", "10.0.0.9:8080", addr, "127.0.0.1:4180", login,
		"/var/log/nginx/access.log", filepath.Join(dir, "access.log")).Replace(sample)
	conf := fmt.Sprintf("daemon off; master_process off; error_log %[1]s/error.log; pid %[1]s/pid;\nevents {}\nhttp {\n"+
		"client_body_temp_path %[1]s/1; proxy_temp_path %[1]s/2; fastcgi_temp_path %[1]s/3; uwsgi_temp_path %[1]s/4; scgi_temp_path %[1]s/5;\n%[2]s}\n", dir, sample)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-c", filepath.Join(dir, "nginx.conf"), "-p", dir, "-e", filepath.Join(dir, "error.log"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, "nginx listens", func() bool {
		conn, err := net.Dial("tcp", front)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})

	outside := *s
	outside.url, outside.streamAddr = "http://"+front, front
	ann, bob := outside.with("Cookie: login=ann"), outside.with("Cookie: login=bob", "X-Forwarded-User: ann", "X-Forwarded-Groups: staff")
	anns, bobs := ann.stream(t, "a"), bob.stream(t, "b")
	id := ann.startTask(t, quickTask)
	anns.awaitTask(t, id, "task_completed")
	bob.refused(t, http.StatusNotFound, "TASK_NOT_FOUND", "GET", "/api/tasks/"+id+"/status", "")
	bobs.awaitTask(t, bob.startTask(t, quickTask), "task_completed")
	if len(bobs.taskEvents(t, id)) > 0 {
		t.Errorf("A12: bob got %+v", bobs.Events())
	}
	for _, path := range []string{"/api/tasks", "/api/sse/stream?request_id=x", "/api/sse/callback", "/metrics"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, outside.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-User", "ann")
		if got, err := send(s.client, req); err != nil || got.status != http.StatusUnauthorized && got.status != http.StatusNotFound {
			t.Errorf("%s without a login: %+v %v", path, got, err)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "access.log"))
	if err != nil || strings.Contains(string(log), "request_id") || !strings.Contains(string(log), "/api/sse/stream") {
		t.Errorf("the access log is %s (%v)", log, err)
	}
}

// serveLogin stands in for oauth2-proxy: whom the cookie names is logged in.
func serveLogin(t *testing.T) (addr string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie("login")
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Auth-Request-User", cookie.Value)
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
