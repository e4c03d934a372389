// Package chaos breaks everything between pages that use the client library and the real
// binary: in real Chromium and Firefox it duplicates, freezes, kills and reloads tabs, kills
// the worker that they share, lets proxies cut, stall and buffer, restarts and rolls the
// service. While that happens tasks run, and each page records every view that it shows.
// In the end every view must say what the service says, and nothing may have been shown
// twice or older (package check).
//
// What happens when is drawn from a seed, which is printed, and is 1 unless it is set. The same seed makes the same
// plan, though not the same moments:
//
//	CHAOS_SEED=42 go test ./test/chaos -run 'Breakages/Chromium/a_proxy_that_cuts'
//
// CHAOS_MINUTES is how long the breakages go on, with one seed after another; each is played
// once without it. CHAOS_TABLE is the page whose table the run writes, docs/client-breakages.md.
//
// Last, the same is done to builds of the library in each of which one promise was taken
// out, and every one must be found out.
package chaos
