package httpsender_test

import (
	"cmp"
	"testing"

	"heliograph/adapters/outbound/httpsender"
)

// TestLaneGoesThroughItsStates has every state and every event. What is not in the
// table changes nothing.
func TestLaneGoesThroughItsStates(t *testing.T) { // E6, E7
	type change struct{ next, recovery string } // recovery: if one is needed; "" is next
	table := map[string]map[string]change{
		"idle": {
			"wake":  {"queued", "queued to recover"},
			"hold":  {"held", ""},
			"greet": {"greeting", ""},
		},
		"held":              {"let go": {"idle", ""}},
		"greeting":          {"let go": {"idle", ""}},
		"queued":            {"begin": {"sending", "recovering"}},
		"queued to recover": {"begin": {"sending", "recovering"}},
		"recovering":        {"recovered": {"sending", ""}},
		"sending": {
			"more": {"queued", "queued to recover"},
			"done": {"idle", ""},
		},
	}
	busy := map[string]bool{"queued": true, "queued to recover": true, "recovering": true, "sending": true}
	recovers := map[string]bool{"queued to recover": true, "recovering": true}
	collects := map[string]bool{"greeting": true, "recovering": true}
	for state := range httpsender.LaneStates {
		for ev := range httpsender.LaneEvents {
			for _, recovery := range []bool{false, true} {
				c := table[state][ev]
				want := cmp.Or(c.next, state)
				if recovery {
					want = cmp.Or(c.recovery, want)
				}
				got, isBusy, doesRecover, doesCollect := httpsender.AfterLaneEvent(state, ev, recovery)
				if got != want {
					t.Errorf("%s, %s, recovery needed: %t: %s, want %s", state, ev, recovery, got, want)
				}
				if isBusy != busy[got] || doesRecover != recovers[got] || doesCollect != collects[got] {
					t.Errorf("%s is busy: %t, recovers: %t, collects: %t", got, isBusy, doesRecover, doesCollect)
				}
			}
		}
	}
}
