package check

import (
	"encoding/json"
	"maps"
	"slices"
)

// Posted is a version that was posted for a request_id. Each has a name of its own.
type Posted struct {
	RequestID, Version string
	Accepted           bool // false: it may have been
}

// versions requires that all clients got every accepted version once.
func (j *checker) versions(posted []Posted) {
	received := map[string]int{}
	for _, data := range j.log {
		var v struct {
			Version string `json:"version"`
		}
		if json.Unmarshal([]byte(data), &v) == nil && v.Version != "" {
			received[v.Version]++
		}
	}
	for _, p := range posted {
		if n := received[p.Version]; n > 1 || p.Accepted && n == 0 {
			j.wrong("V2: version %s is in the log %d times, accepted: %t", p.Version, n, p.Accepted)
		}
	}
}

// Pending checks the versions that nodes have pending in the end, by node and
// request_id: all must have the same, the last that was accepted, or one that
// got no answer and may have come late.
func Pending(posted []Posted, pending map[string]map[string]string) (wrong []string) {
	var j checker
	last, open := map[string]string{}, map[string][]string{}
	for _, p := range posted {
		if p.Accepted {
			last[p.RequestID] = p.Version
		} else {
			open[p.RequestID] = append(open[p.RequestID], p.Version)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(last)) {
		had := map[string]bool{}
		for _, node := range slices.Sorted(maps.Keys(pending)) {
			got := pending[node][id]
			had[got] = true
			if got != last[id] && !slices.Contains(open[id], got) {
				j.wrong("V3: on node %s version %q is pending for %s, want %q", node, got, id, last[id])
			}
		}
		if len(had) > 1 {
			j.wrong("V3: the nodes have different versions pending for %s: %q", id, slices.Sorted(maps.Keys(had)))
		}
	}
	return j.Wrong
}
