package docs_test

import (
	"regexp"
	"strings"
	"testing"
)

var (
	metricName = regexp.MustCompile(`\b(?:sse_gateway|heliograph)_[a-z_]+`)
	// floor is a comparison with a number of events, not with a share of them.
	floor = regexp.MustCompile(`(?:increase\([^)]*\)\)?|avg_over_time\([^)]*\)) > [1-9]\d*`)
	// inNormalLife are the counters that go up while all is well.
	inNormalLife = regexp.MustCompile(`connections_total|events_sent_total|resets_total|tasks_ended_total|leases_lost_total`)
)

// TestAlertSamplesNameMetricsAndTolerateSingleEvents reads the samples in
// operations.md: one visitor who leaves an idle service is no reason for an alert
// (issue 11, 23).
func TestAlertSamplesNameMetricsAndTolerateSingleEvents(t *testing.T) {
	metrics := read(t, "reference/metrics.md")
	alerts := 0
	blocks, _ := document{lines: strings.Split(read(t, "operations.md"), "\n")}.split()
	for _, b := range blocks {
		if b.language != "promql" {
			continue
		}
		for line := range strings.Lines(b.text) {
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			alerts++
			for _, name := range metricName.FindAllString(line, -1) {
				if !strings.Contains(metrics, strings.TrimSuffix(name, "_bucket")) {
					t.Errorf("%s: reference/metrics.md has no %s", line, name)
				}
			}
			if inNormalLife.MatchString(line) && !floor.MatchString(line) {
				t.Errorf("%s: a single event raises this alert", line)
			}
		}
	}
	if alerts < 8 {
		t.Errorf("%d alerts were found", alerts)
	}
}
