package chaos_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/test/clientbundle"
)

// mutants are builds of the library with one promise taken out, each with the breakages that
// it does not stand.
var mutants = []struct {
	name      string
	mutation  clientbundle.Mutation
	breakages []string
}{
	{
		"the seq rule",
		clientbundle.Mutation{File: "shared/truth.ts", Old: "if (isEvent ? word.seq <= known.seq : word.seq < known.seq) return known;"},
		[]string{"a proxy that buffers"},
	},
	{
		"the resume",
		clientbundle.Mutation{File: "hub/stream.ts", Old: "if (this.lastId) to.searchParams.set('last_event_id', this.lastId);"},
		[]string{"a proxy that cuts"},
	},
	{
		"the batch read",
		clientbundle.Mutation{File: "hub/reader.ts", Old: "this.#clock.after(GATHER, () => this.#run());"},
		[]string{"the service is restarted"},
	},
	{
		"output that comes once",
		clientbundle.Mutation{File: "hub/output.ts", Old: "if (end > reader.offset) {", New: "{"},
		[]string{"output that is read"},
	},
}

// What the suite looks for it finds: no such build gets through.
func TestBuildsWithoutAPromiseAreFoundOut(t *testing.T) { // B4, B5, B7
	first, _ := seeds(t)
	in := launchChromium(t, find(t, "chromium"))
	t.Cleanup(in.close)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			library := build(t, m.mutation)
			for seed := first; seed < first+10; seed++ { // whether it was needed depends on what happens at the same time
				for _, b := range breakages {
					if !slices.Contains(m.breakages, b.name) {
						continue
					}
					var faults []string
					t.Run(b.name, func(t *testing.T) {
						faults, _ = b.run(t, "Chromium", in, seed, func(w *world) {
							w.mutation, w.library, w.patience = []clientbundle.Mutation{m.mutation}, library, 10*time.Second
						})
					})
					if len(faults) > 0 {
						t.Logf("found out with seed %d: %s", seed, strings.Join(faults[:min(2, len(faults))], "; "))
						return
					}
				}
			}
			t.Errorf("a build without %s was not found out, with seeds from %d on", m.name, first)
		})
	}
}
