package webclient_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"heliograph/test/clientbundle"
)

// mutations take one promise out of the library each. The test whose name begins so must
// notice.
var mutations = []struct {
	file, test string
	clientbundle.Mutation
}{
	{"tasks", "B5 an older seq is never shown", clientbundle.Mutation{
		File: "shared/truth.ts", Old: "if (isEvent ? word.seq <= known.seq : word.seq < known.seq) return known;",
	}},
	{"tasks", "B5 a snapshot in parts is one", clientbundle.Mutation{
		File: "hub/incoming.ts", Old: "if (!hasEnded(status) && !this.#listed.has(id) && isWanted(id)) this.#user.read(id);",
	}},
	{"tasks", "B5 a task that was started a moment ago", clientbundle.Mutation{File: "hub/hub.ts", Old: "const YOUNG = 10_000;", New: "const YOUNG = 0;"}},
	{"tasks", "B9 a start is repeated with its key", clientbundle.Mutation{
		File: "hub/actions.ts", Old: "{ 'Idempotency-Key': key }", New: "{ get 'Idempotency-Key'() { return key + Math.random(); } }",
	}},
	{"tasks", "B11 views are frozen, keep their identity", clientbundle.Mutation{File: "shared/truth.ts", Old: "return same ? known : next;", New: "return next;"}},
	{"tasks", "B12 output is exact", clientbundle.Mutation{File: "hub/output.ts", Old: "if (end > reader.offset) {", New: "{"}},
	{"connection", "B6 a stream without a byte", clientbundle.Mutation{File: "hub/silence.ts", Old: "    this.#onSilent();\n"}},
	{"connection", "B6 a stream that says its interval", clientbundle.Mutation{File: "hub/stream.ts", Old: "this.#silence.told(+headers.get('Heliograph-Interval')!);"}},
	{"connection", "B7 the stream is resumed", clientbundle.Mutation{File: "hub/stream.ts", Old: "if (this.lastId) to.searchParams.set('last_event_id', this.lastId);"}},
	{"connection", "B7 a gap of up to a second", clientbundle.Mutation{File: "hub/reporter.ts", Old: "if (brief && was.state === 'open')", New: "if (false)"}},
	{"connection", "B8 null is a log-out", clientbundle.Mutation{File: "hub/hub.ts", Old: "    this.#tasks.clear();\n"}},
	{"connection", "B14 a flood of events", clientbundle.Mutation{File: "hub/flusher.ts", Old: "const wait = this.#last + PACE - this.#clock.now();", New: "const wait = 0;"}},
	{"connection", "B15 nothing is left", clientbundle.Mutation{File: "hub/clock.ts", Old: "for (const cancel of this.#cancels) cancel();"}},
	{"eventsource", "B1 where bodies cannot be streamed", clientbundle.Mutation{File: "hub/eventsource.ts", Old: "      listener.activity(lastEventId);\n"}},
	{"sharing", "B2 when the worker is of another protocol", clientbundle.Mutation{File: "tab/link.ts", Old: "if (protocol !== PROTOCOL) return this.#next();"}},
	{"sharing", "B3 a tab that dies without goodbye", clientbundle.Mutation{
		File: "hub/hub.ts", Old: "whenFree(this.#parts.locks, hello.lock, () => this.#part(port))", New: "() => {}",
	}},
	{"sharing", "B3 a leader that is suspended", clientbundle.Mutation{File: "routes/leader.ts", Old: "this.#request({ steal: true });"}},
	{"sharing", "B3 a tab is told no last ID", clientbundle.Mutation{File: "hub/hub.ts", Old: "    this.#tabs.tellEvents(); // the last ID stands for them, too\n"}},
	{"sharing", "B5 what tabs are told", clientbundle.Mutation{File: "hub/tabs.ts", Old: "    this.tellEvents();\n"}},
	{"sharing", "B14 the application's own events", clientbundle.Mutation{
		File: "hub/hub.ts", Old: "this.#tabs.events.push(event)", New: "this.#tabs.tellAll({ t: 'events', events: [event] })",
	}},
	{"sharing", "B4 a page that is loaded again", clientbundle.Mutation{File: "tab/memory.ts", Old: "return this.#mine.read();", New: "return [];"}},
}

func TestTheTestsNoticeWhatIsBroken(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: node is not installed")
	}
	for _, m := range mutations {
		t.Run(m.test, func(t *testing.T) {
			module, err := clientbundle.TestMutated(filepath.Join("test", m.file+".test.ts"), m.Mutation)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), m.file+".test.mjs")
			if err := os.WriteFile(path, module, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap", "--test-name-pattern=^"+m.test, path).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "not ok") {
				t.Errorf("%s is broken, and the test passes: %v\n%s", m.File, err, out)
			}
		})
	}
}
