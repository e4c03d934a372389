package diagnosis

import (
	"strings"
	"testing"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// well is a stream with which nothing is wrong.
func well() Facts {
	return Facts{
		Now:  now,
		Open: &diagnosis.Connection{RequestID: "r", Gateway: diagnosis.Embedded, Since: ago(time.Minute), Stream: diagnosis.Stream{State: diagnosis.Live}},
		Fates: []diagnosis.Fate{
			{At: ago(time.Minute), Kind: diagnosis.Written, Type: "task_snapshot", Count: 1},
			{At: ago(time.Second), Kind: diagnosis.Written, Count: 9, First: id(3), Last: id(11)},
		},
	}
}

func id(seq uint64) event.ID { return event.ID{Epoch: "e", Seq: seq} }

// ended is a life that began and ended so long ago.
func ended(began, end time.Duration, reason connection.Reason) life {
	return life{Since: ago(began), End: diagnosis.End{At: ago(end), Reason: reason}}
}

// without is well after its stream has ended.
func without(reason connection.Reason) func(*Facts) {
	return func(f *Facts) { f.Open, f.Lives = nil, []life{ended(time.Minute, time.Second, reason)} }
}

func reporting(r diagnosis.Report) func(*Facts) { return func(f *Facts) { f.Report = &r } }

func fate(kind diagnosis.Kind, why string) func(*Facts) {
	return func(f *Facts) {
		f.Open.Gateway = diagnosis.External
		f.Fates = append(f.Fates, diagnosis.Fate{At: ago(time.Second), Kind: kind, Why: why, Count: 3, Type: "report.done"})
	}
}

func asking(reach diagnosis.Reach, seq uint64) func(*Facts) {
	return func(f *Facts) { f.Asked, f.Reach = id(seq), reach }
}

// cuts are lives of 1.5 s, one after the other, without a Last-Event-ID if not resumed.
func cuts(n int, resumed bool, each ...time.Duration) func(*Facts) {
	return func(f *Facts) {
		for i := range n {
			began := time.Minute + time.Duration(n-i)*2*time.Second
			l := ended(began, began-each[i%len(each)], connection.ReasonClientClosed)
			l.Resumed = resumed && i > 0
			f.Lives = append(f.Lives, l)
		}
		f.Open.Stream.Resumed = resumed
	}
}

func TestTheCauseIsNamed(t *testing.T) { // W6
	t.Parallel()
	for name, c := range map[string]struct {
		fault func(*Facts)
		want  string
	}{
		"buffered: late":         {reporting(diagnosis.Report{State: "open", FirstByte: 4000}), "BUFFERING_PROXY"},
		"buffered: in bursts":    {reporting(diagnosis.Report{State: "open", HeldBack: 2500}), "BUFFERING_PROXY"},
		"buffered: not at all":   {reporting(diagnosis.Report{State: "connecting", Silent: 5000}), "BUFFERING_PROXY"},
		"compressed":             {reporting(diagnosis.Report{Encoding: "br"}), "COMPRESSED"},
		"seventh tab":            {reporting(diagnosis.Report{Sharing: "tab", Protocol: "http/1.1", Tabs: 7}), "SIX_CONNECTIONS"},
		"clock ahead":            {reporting(diagnosis.Report{Skew: 90_000}), "CLOCK_SKEW"},
		"clock behind":           {reporting(diagnosis.Report{Skew: -90_000}), "CLOCK_SKEW"},
		"frozen":                 {reporting(diagnosis.Report{Frozen: 20_000}), "FROZEN_TAB"},
		"another tab":            {func(f *Facts) { f.Lives = []life{ended(2*time.Minute, time.Minute, connection.ReasonReplaced)} }, "REPLACED"},
		"revoked":                {without(connection.ReasonExpired), "REVOKED"},
		"credential ended":       {func(f *Facts) { without(connection.ReasonExpired)(f); f.Lives[0].Expires = ago(time.Second) }, "CREDENTIAL_ENDED"},
		"disconnected":           {without(connection.ReasonDisconnected), "DISCONNECTED"},
		"node lost":              {without(connection.ReasonNodeLost), "NODE_GONE"},
		"node does not answer":   {func(f *Facts) { f.Open, f.Gone = nil, "node-2" }, "NODE_GONE"},
		"slow: behind":           {func(f *Facts) { f.Open.Stream = diagnosis.Stream{State: diagnosis.Behind, Lag: 900, Waiting: 1 << 20} }, "READER_TOO_SLOW"},
		"slow: cut off":          {func(f *Facts) { without(connection.ReasonServerClosed)(f); f.Lives[0].Why = diagnosis.WhySlowLog }, "READER_TOO_SLOW"},
		"other audience":         {asking(diagnosis.ReachOther, 5), "OTHER_AUDIENCE"},
		"event gone":             {asking(diagnosis.ReachGone, 5), "EVENT_GONE"},
		"event of another log":   {asking(diagnosis.ReachEpoch, 5), "EVENT_OF_OTHER_LOG"},
		"no such event":          {asking(diagnosis.ReachFuture, 5), "EVENT_UNKNOWN"},
		"event written":          {asking(diagnosis.ReachOwn, 5), "EVENT_WRITTEN"},
		"event before it":        {func(f *Facts) { asking(diagnosis.ReachOwn, 5)(f); f.Fates = nil }, "EVENT_BEFORE_STREAM"},
		"event waits":            {func(f *Facts) { asking(diagnosis.ReachOwn, 12)(f); f.Open.Stream.Lag = 1 }, "EVENT_WAITS"},
		"log expired":            {func(f *Facts) { f.Open.Stream.Reset = stream.ResetExpired }, "LOG_EXPIRED"},
		"log restarted":          {func(f *Facts) { f.Open.Stream.Reset = stream.ResetEpoch }, "LOG_RESTARTED"},
		"invalid ID":             {func(f *Facts) { f.Open.Stream.Reset = stream.ResetInvalid }, "INVALID_ID"},
		"proxy cuts":             {cuts(4, true, 1500*time.Millisecond), "PROXY_CUTS"},
		"no IDs":                 {cuts(3, false, 100*time.Millisecond, time.Second, 300*time.Millisecond), "CLIENT_WITHOUT_IDS"},
		"request_id in capitals": {func(f *Facts) { f.Open, f.Alike = nil, "R" }, "WRONG_REQUEST_ID"},
		"gateway away":           {func(f *Facts) { f.Open.Gateway, f.Open.Stream.State = diagnosis.External, diagnosis.Unreachable }, "GATEWAY_UNREACHABLE"},
		"gateway was away":       {fate(diagnosis.Dropped, diagnosis.WhyAway), "GATEWAY_UNREACHABLE"},
		"gateway refuses":        {fate(diagnosis.Failed, diagnosis.WhyRefused), "GATEWAY_REFUSED"},
		"event too large":        {fate(diagnosis.Dropped, diagnosis.WhyTooBig), "EVENT_TOO_LARGE"},
		"conflated":              {fate(diagnosis.Conflated, diagnosis.WhyNewer), "CONFLATED"},
		"limit":                  {refusedWith("TOO_MANY_CONNECTIONS"), "CONNECTION_LIMIT"},
		"taken":                  {func(f *Facts) { f.Refusals = []diagnosis.Refusal{{At: ago(time.Second), Code: "REQUEST_ID_TAKEN"}} }, "REQUEST_ID_TAKEN"},
		"credential refused":     {refusedWith("TOKEN_EXPIRED"), "CREDENTIAL_REFUSED"},
	} {
		f := well()
		c.fault(&f)
		all := f.Findings()
		if len(all) != 1 || all[0].Code != c.want {
			t.Errorf("%s: %+v, want %s", name, all, c.want)
			continue
		}
		if !strings.HasSuffix(all[0].Says, ".") || !strings.HasSuffix(all[0].Advice, ".") && !strings.HasSuffix(all[0].Advice, "BYTES.") {
			t.Errorf("%s: %+v is no sentence", name, all[0])
		}
	}
}

func refusedWith(code string) func(*Facts) {
	return func(f *Facts) { f.Open, f.Refusals = nil, []diagnosis.Refusal{{At: ago(time.Second), Code: code}} }
}

func TestNothingIsSaidOfWhatIsWell(t *testing.T) { // W6
	t.Parallel()
	for name, change := range map[string]func(*Facts){
		"untouched":              func(*Facts) {},
		"reports":                reporting(diagnosis.Report{State: "open", Sharing: "worker", Protocol: "h2", FirstByte: 40, Skew: 800, Silent: 12_000}),
		"five tabs":              reporting(diagnosis.Report{Sharing: "tab", Protocol: "http/1.1", Tabs: 5}),
		"closed by its user":     without(connection.ReasonClientClosed),
		"the service restarts":   without(connection.ReasonServerClosed),
		"resumed":                cuts(1, true, time.Second),
		"network comes and goes": cuts(5, true, 700*time.Millisecond, 1900*time.Millisecond, 1200*time.Millisecond),
		"replaced by itself": func(f *Facts) {
			f.Lives, f.Open.Stream.Resumed = []life{ended(2*time.Minute, time.Minute, connection.ReasonReplaced)}, true
		},
		"came back with a new credential": func(f *Facts) { f.Lives = []life{ended(2*time.Minute, time.Minute, connection.ReasonExpired)} },
		"a little behind":                 func(f *Facts) { f.Open.Stream = diagnosis.Stream{State: diagnosis.Behind, Lag: 3, Waiting: 900} },
		"was refused and came back": func(f *Facts) {
			f.Refusals = []diagnosis.Refusal{{At: ago(2 * time.Minute), Code: "TOO_MANY_CONNECTIONS"}}
		},
		"long ago": func(f *Facts) {
			f.Lives = []life{ended(3*time.Hour, 2*time.Hour, connection.ReasonReplaced)}
			f.Refusals = []diagnosis.Refusal{{At: ago(time.Hour), Code: "REQUEST_ID_TAKEN"}}
		},
	} {
		f := well()
		change(&f)
		if all := f.Findings(); len(all) > 0 {
			t.Errorf("%s: %+v", name, all)
		}
	}
}
