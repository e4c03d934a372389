package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"heliograph/test/programs"
)

// plain runs the binary as it is shipped: the race detector multiplies its memory.
func plain(t *testing.T) *exec.Cmd {
	return exec.Command(programs.Plain(t, programs.Heliograph), "serve")
}

// few runs it with that many descriptors.
func few(descriptors int) func(*testing.T) *exec.Cmd {
	return func(t *testing.T) *exec.Cmd {
		return exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" serve`, descriptors), programs.Plain(t, programs.Heliograph))
	}
}

// memory returns what of the process is in memory, in MiB.
func (p *process) memory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	kib, err := strconv.Atoi(regexp.MustCompile(`VmRSS:\s+(\d+)`).FindStringSubmatch(string(status))[1])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// crowd is connections that ask and then do nothing more.
type crowd []net.Conn

// ask opens n connections and has each send a request.
func (s *service) ask(t *testing.T, n int, request string) crowd {
	t.Helper()
	request = strings.ReplaceAll(request, "\n", "\r\n")
	var all crowd
	for range n {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		all = append(all, conn)
	}
	sent := make(chan struct{})
	for _, conn := range all {
		go func() {
			_, _ = io.WriteString(conn, request) // some are answered before they have sent all
			sent <- struct{}{}
		}()
	}
	for range all {
		<-sent
	}
	return all
}

// statuses reads the status of each answer, and nothing more.
func (c crowd) statuses(t *testing.T) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, conn := range c {
		line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
		if err != nil {
			line = "HTTP/1.1 broken"
		}
		found[strings.Fields(line)[1]]++
	}
	return found
}

// worked has a worker complete a task with a result of that many bytes.
func (s *service) worked(t *testing.T, size int) (id string) {
	t.Helper()
	id = s.startTask(t, `{"type":"count","params":{"steps":1,"delay":0}}`)
	var c claimed
	s.call(t, http.MethodPost, "/api/workers/claim", `{"types":["count"]}`).into(t, &c)
	result, err := json.Marshal(strings.Repeat("x", size))
	if err != nil {
		t.Fatal(err)
	}
	a := s.call(t, http.MethodPost, "/api/tasks/"+c.TaskID+"/complete?lease="+c.Lease, `{"result":`+string(result)+`}`)
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return id
}

// 150 clients ask for what is large and read nothing: the service's memory and
// its other clients do not notice.
func TestClientsThatDoNotReadUseLittleMemory(t *testing.T) { // G4
	s := startAs(t, plain, workersFile(t, "60s"))
	id := s.worked(t, 15<<20)
	for range 60 {
		s.worked(t, 50_000)
	}
	before := s.memory(t)
	for _, path := range []string{"/api/tasks/" + id + "/status", "/api/tasks?limit=200", "/api/tasks?limit=200&include=result", "/api/openapi.yaml"} {
		unread := s.ask(t, 150, "GET "+path+" HTTP/1.1\nHost: localhost\n\n")
		got := unread.statuses(t)
		now := s.memory(t)
		t.Logf("%s: %v, %d MiB after %d MiB", path, got, now, before)
		if now > before+200 { // it was 4,500
			t.Errorf("%s: %d MiB, %d MiB before", path, now, before)
		}
		s.startTask(t, quickTask) // everybody else goes on
	}
	s.terminate(t) // in order, although the clients do not read
}

// 150 clients upload as much as they can to tasks that are not theirs.
func TestUnauthorizedUploadsUseLittleMemory(t *testing.T) { // G4
	s := startAs(t, plain, workersFile(t, "60s"))
	id := s.startTask(t, `{"type":"count","params":{"steps":1,"delay":0}}`)
	const size = 16 << 20
	filler := strings.Repeat("x", size-100)
	before := s.memory(t)
	for name, c := range map[string]struct{ query, body string }{
		"a wrong lease in front":     {"", `{"lease":"none","result":"` + filler + `"}`},
		"a wrong lease in the query": {"?lease=none", `{"result":"` + filler + `"}`},
		"a wrong lease at the end":   {"", `{"result":"` + filler + `","lease":"none"}`},
	} {
		head := fmt.Sprintf("POST /api/tasks/%s/complete%s HTTP/1.1\nHost: localhost\nContent-Length: %d\n\n", id, c.query, len(c.body))
		got := s.ask(t, 150, head+c.body).statuses(t)
		now := s.memory(t)
		t.Logf("%s: %v, %d MiB after %d MiB", name, got, now, before)
		if now > before+400 { // it was 5,300
			t.Errorf("%s: %d MiB, %d MiB before", name, now, before)
		}
	}
	// Bodies that do not end: all of them together are bounded, and small ones go on.
	head := "POST /api/tasks HTTP/1.1\nHost: localhost\nContent-Length: 1000000\n\n"
	unfinished := s.ask(t, 300, head+`{"type":"`+strings.Repeat("x", 900_000))
	eventually(t, "too many are under way", func() bool {
		a := s.call(t, http.MethodPost, "/api/versions", `{"version":"`+strings.Repeat("x", 900_000)+`"}`)
		return a.status == http.StatusServiceUnavailable && a.code() == "BUSY" && a.header.Get("Retry-After") != ""
	})
	now := s.memory(t)
	t.Logf("300 unfinished bodies: %d MiB after %d MiB", now, before)
	if now > before+400 {
		t.Errorf("%d unfinished bodies: %d MiB, %d MiB before", len(unfinished), now, before)
	}
	s.startTask(t, quickTask)
	if a := s.call(t, http.MethodPost, "/api/workers/claim", `{"types":["count"]}`); a.status != http.StatusOK { // it waits for no body
		t.Errorf("a claim is answered %d %s", a.status, a.body)
	}
}

// Used-up descriptors stop neither the durable broker nor commands: honest
// browsers alone suffice to use them up.
func TestDescriptorsAreReservedForTheBrokerAndCommands(t *testing.T) {
	s := startAs(t, few(300), "DATA_DIR="+t.TempDir(), commandsFile(t, "tasks:\n  echo:\n    command: [/bin/echo, hello]\n"))
	all := crowd{}
	open := func(n int, id string) (got map[string]int) {
		added := crowd{}
		for range n {
			name := id
			if name == "" {
				name = fmt.Sprintf("tab-%d", len(all)+len(added))
			}
			added = append(added, s.ask(t, 1, "GET /api/sse/stream?request_id="+name+" HTTP/1.1\nHost: localhost\n\n")...)
		}
		all = append(all, added...)
		return added.statuses(t)
	}
	got := open(300, "")
	t.Logf("300 streams: %v", got)
	if got["200"] < 150 || got["503"] < 50 || got["200"]+got["503"] != 300 {
		t.Errorf("300 streams are answered %v", got)
	}
	a := s.call(t, http.MethodGet, "/api/sse/stream?request_id=one-more", "")
	if a.status != http.StatusServiceUnavailable || a.code() != "TOO_MANY_CONNECTIONS" || a.header.Get("Retry-After") == "" {
		t.Errorf("one more stream: %d %s", a.status, a.body)
	}
	works := func() {
		t.Helper()
		if a := s.call(t, http.MethodPost, "/api/versions", `{"version":"2"}`); a.status != http.StatusAccepted {
			t.Errorf("an announcement: %d %s", a.status, a.body)
		}
		id := s.startTask(t, `{"type":"echo"}`)
		eventually(t, "the command ends", func() bool { return s.status(t, id).Status == "completed" })
	}
	works()
	// Limits that meet: a stream that replaces another needs no place of its own.
	for range 3 {
		if got := open(1, "tab-0"); got["200"] != 1 {
			t.Errorf("a browser that comes back: %v", got)
		}
	}
	// Connections that asked one question and are kept alive give way.
	idle := s.ask(t, 400, "GET /healthz HTTP/1.1\nHost: localhost\n\n").statuses(t)
	t.Logf("400 kept connections: %v", idle)
	if idle["200"] != 400 {
		t.Errorf("400 questions are answered %v", idle)
	}
	works()
}
