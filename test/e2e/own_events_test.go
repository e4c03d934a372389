package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heliograph/test/sseclient"
)

// ownEventsPage is the document whose recipes this test runs.
const ownEventsPage = "../../docs/own-events.md"

// The recipes of docs/own-events.md reach those whom they name, once, with either gateway.
func TestTheRecipesOfTheOwnEventsPage(t *testing.T) { // E11, A8, A12
	t.Parallel()
	for _, name := range []string{"bash", "curl"} {
		program(t, name)
	}
	withEachGateway(t, func(t *testing.T, start starter) {
		dir := t.TempDir()
		keys := filepath.Join(dir, "keys")
		_, printed, _ := heliograph(t, nil, "key", "new", "backend", "--scope", "events:publish,audience")
		key, line, _ := strings.Cut(strings.TrimSpace(printed), "\n")
		if err := os.WriteFile(keys, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := start(t, secured("AUTH_KEYS_FILE="+keys, versionless)...)
		streams := map[string]*stream{}
		for user, role := range map[string]string{"ann": "none", "bob": "sales"} {
			credential := tokenOf(t, user, claims{"roles": []string{role}})
			streams[user] = s.as(credential).stream(t, user+"-1")
		}
		var answers []string
		for _, recipe := range []string{"notify", "order", "cache"} {
			var out, errs bytes.Buffer
			script := strings.ReplaceAll(documentedIn(t, ownEventsPage, recipe, s.addr), "heliograph publish", "heliograph publish --url "+s.url)
			cmd := shell(t, dir, "set -e\n"+script, "HELIOGRAPH_TOKEN="+key)
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); err != nil || errs.Len() > 0 {
				t.Fatalf("%s ends with %v: %s%s", recipe, err, &out, &errs)
			}
			answers = append(answers, strings.Fields(out.String())...)
		}
		if len(answers) != 4 || answers[1] != answers[2] || !strings.Contains(answers[3], `"delivered":true`) {
			t.Errorf("the commands print %q", answers)
		}
		for user, want := range map[string][]string{
			"ann": {`notice {"text":"Your invoice is ready."} ` + answers[0], `cache.invalidate {"prefixes":["/prices/"]}`},
			"bob": {`order.changed {"id":4711} ` + answers[1], `cache.invalidate {"prefixes":["/prices/"]}`},
		} {
			got := ownEvents(t, streams[user])
			if !slices.EqualFunc(got, want, strings.HasPrefix) {
				t.Errorf("%s got %q, want %q", user, got, want)
			}
		}
		s.logs.mustBeClean(t, key)
	})
}

// ownEvents waits for the last event of the recipes, and returns all of the application's.
func ownEvents(t *testing.T, s *stream) (got []string) {
	t.Helper()
	s.await(t, "the last one", func(e sseclient.Event) bool { return e.Name == "cache.invalidate" })
	for _, e := range s.Events() {
		if slices.Contains([]string{"notice", "order.changed", "cache.invalidate"}, e.Name) {
			got = append(got, e.Name+" "+e.Data+" "+e.ID)
		}
	}
	return got
}
