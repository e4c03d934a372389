package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// When something counts as wrong. Each is far from what streams that work do, and near enough to
// what people notice.
const (
	lately      = 10 * time.Minute // for which what has passed may be why something is missing
	slowBytes   = 64 << 10         // that wait for a client: more than a second of a busy log
	slowFirst   = 3000             // milliseconds: a stream begins with bytes at once
	heldBack    = 2000             // milliseconds
	frozen      = 10_000           // milliseconds
	skewed      = 60_000           // milliseconds: the leeway of JWTs is as much
	sixStreams  = 6                // that a browser opens to one host over HTTP/1.1
	cutsAlike   = 3                // streams that ended after the same time
	shortestCut = time.Second      // no proxy's time limit is less
	comesBack   = 10 * time.Second // within which a client that was cut off is back
	unresumed   = 3                // times that a client came back and brought no ID
)

// Facts are what Findings looks at.
type Facts struct {
	Open     *diagnosis.Connection // nil: it is not open
	Lives    []life                // those that have ended, oldest first
	Refusals []diagnosis.Refusal   // oldest first
	Fates    []diagnosis.Fate      // of the open stream, or of the one that ended last
	Report   *diagnosis.Report     // likewise; nil: its client said nothing
	Alike    connection.RequestID  // a request_id that is open and nearly the same; "" for none
	Gone     string                // the node which had the stream and does not answer; "" for none
	Unshared int                   // streams of the same subject, each of one tab, over HTTP/1.1
	Asked    event.ID              // an event that is missed; zero for none
	Reach    diagnosis.Reach       // of that
	Now      time.Time
}

// finders each look for one thing that may be wrong, the most likely first; nil is none of it.
var finders = []func(Facts) *diagnosis.Finding{
	findAsked, findNodeGone, findWrongID, findRefusal, findReplaced, findEndedCredential, findDisconnect, findGatewayFault, findTooLarge,
	findSlowReader, findReset, findCuts, findWithoutIDs, findBuffering, findCompression, findSixConnections, findFrozenTab, findClockSkew, findConflated,
}

// Findings returns what is wrong, the most likely reason first; nothing of a stream that is well.
func (f Facts) Findings() (all []diagnosis.Finding) {
	for _, find := range finders {
		if found := find(f); found != nil {
			all = append(all, *found)
		}
	}
	return all
}

func found(code, says, advice string) *diagnosis.Finding {
	return &diagnosis.Finding{Code: code, Says: says, Advice: advice}
}

// last is the life that ended last, unless that is long ago.
func (f Facts) last() (l life, ok bool) {
	if len(f.Lives) == 0 {
		return l, false
	}
	l = f.Lives[len(f.Lives)-1]
	return l, f.Now.Sub(l.End.At) < lately
}

// findAsked is about an event that somebody misses.
func findAsked(f Facts) *diagnosis.Finding {
	switch {
	case f.Asked.IsZero() || f.Open == nil:
		return nil
	case f.Reach == diagnosis.ReachOther:
		return found("OTHER_AUDIENCE", "The event is for an audience that this stream is not in, so it was never sent here.",
			"If it should be seen, start the task or publish the event with an audience that has the stream's subject, one of its roles or its request_id.")
	case f.Reach == diagnosis.ReachGone:
		return found("EVENT_GONE", "The log no longer has the event, so nothing can be said about it.", "Keep more: SSE_HISTORY_BYTES.")
	case f.Reach == diagnosis.ReachEpoch:
		return found("EVENT_OF_OTHER_LOG", "The event's ID is of another life of the log: the service was restarted without a durable broker, or it is another service.",
			"Take the ID from what this service sent, and set DATA_DIR or NATS_URL if the log is to survive restarts.")
	case f.Reach != diagnosis.ReachOwn:
		return found("EVENT_UNKNOWN", "No such event is known.", "Check the ID.")
	}
	for _, fate := range f.Fates {
		if (fate.Kind == diagnosis.Written || fate.Kind == diagnosis.Replayed) && fate.Last.Epoch == f.Asked.Epoch && fate.Last.Seq >= f.Asked.Seq {
			return found("EVENT_WRITTEN", "The event was handed to the client's connection by "+clock(fate.At)+".",
				"Look at what is behind the service: a proxy that holds bytes back, or the page's own code.")
		}
	}
	if f.Open.Stream.Lag > 0 {
		return found("EVENT_WAITS", fmt.Sprintf("The event waits: the stream is %d events behind.", f.Open.Stream.Lag), "See the other findings for why.")
	}
	return found("EVENT_BEFORE_STREAM", "The event was published before this stream was opened, and its client did not ask for what it had missed.",
		"A client that comes back sends the ID of the last event that it got: Last-Event-ID. A new one gets the state as it is, in task_snapshot.")
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func findNodeGone(f Facts) *diagnosis.Finding {
	var says string
	switch l, ok := f.last(); {
	case f.Open != nil:
		return nil
	case f.Gone != "":
		says = "The node " + f.Gone + " held the stream and does not answer: it has stopped, or cannot be reached."
	case ok && l.End.Reason == connection.ReasonNodeLost:
		says = "The stream was lost with the node " + l.Node + ", which stopped without a word: the others gave it up at " + clock(l.End.At) + "."
	default:
		return nil
	}
	return found("NODE_GONE", says,
		"Its clients come back to another node by themselves. If they do not, look at the load balancer before the nodes, and at the node's log.")
}

func findWrongID(f Facts) *diagnosis.Finding {
	if f.Open != nil || f.Alike == "" || len(f.Lives)+len(f.Refusals) > 0 {
		return nil
	}
	return found("WRONG_REQUEST_ID", "No stream has this request_id, but one has "+string(f.Alike)+", which differs in upper and lower case only.",
		"Use the same request_id where the stream is opened and where events are sent to it.")
}

// findRefusal is about a stream that was not opened.
func findRefusal(f Facts) *diagnosis.Finding {
	if len(f.Refusals) == 0 {
		return nil
	}
	r := f.Refusals[len(f.Refusals)-1]
	if f.Now.Sub(r.At) >= lately {
		return nil
	}
	taken := r.Code == "REQUEST_ID_TAKEN"
	if l, ok := f.last(); !taken && (f.Open != nil && f.Open.Since.After(r.At) || ok && l.Since.After(r.At)) {
		return nil // it was opened since
	}
	switch at := clock(r.At); r.Code {
	case "REQUEST_ID_TAKEN":
		return found("REQUEST_ID_TAKEN", "At "+at+" another subject wanted a stream with this request_id, and was refused.",
			"Each browser needs a request_id of its own: a random one, not a name that others may choose, too.")
	case "TOO_MANY_CONNECTIONS", "TOO_MANY_REQUESTS":
		return found("CONNECTION_LIMIT", "At "+at+" a stream was refused because as many are open as may be: "+r.Code+".",
			"Raise SSE_MAX_CONNECTIONS or the limit of the subject or address, or share one stream between tabs, as the client library does.")
	case "SHUTTING_DOWN", "BROKER_UNAVAILABLE", "AUTH_UNAVAILABLE", "BUSY":
		return nil // it comes back
	default:
		return found("CREDENTIAL_REFUSED", "At "+at+" a stream was refused: "+r.Code+".",
			"Look at the credential with heliograph token explain: it may have ended, be of another issuer or lack the scope stream.")
	}
}

// findReplaced is about two clients with one request_id. One that comes back replaces its own
// stream, too, but brings the ID of its last event.
func findReplaced(f Facts) *diagnosis.Finding {
	l, ok := f.last()
	if !ok || l.End.Reason != connection.ReasonReplaced || f.Open == nil || f.Open.Stream.Resumed {
		return nil
	}
	return found("REPLACED", "At "+clock(l.End.At)+" another tab or device opened a stream with the same request_id. The one before it got the event replaced, and does not come back.",
		"Give each browser a request_id of its own, or none: the client library chooses a random one, and shares one stream between tabs.")
}

func findEndedCredential(f Facts) *diagnosis.Finding {
	l, ok := f.last()
	if !ok || f.Open != nil || l.End.Reason != connection.ReasonExpired {
		return nil
	}
	at := clock(l.End.At)
	if !l.Expires.IsZero() && l.End.At.After(l.Expires.Add(-time.Second)) {
		return found("CREDENTIAL_ENDED", "The stream ended at "+at+" with its credential, and its client has not come back with another.",
			"Give the page a new token when auth_expiring comes: getToken of the client library is asked for it.")
	}
	return found("REVOKED", "The stream ended at "+at+" because its credential was revoked.", "The user has to log in again.")
}

func findDisconnect(f Facts) *diagnosis.Finding {
	l, ok := f.last()
	if !ok || f.Open != nil || l.End.Reason != connection.ReasonDisconnected {
		return nil
	}
	return found("DISCONNECTED", "An operator, or a program with the scope admin, ended the stream at "+clock(l.End.At)+".", "Its client may come back at once.")
}

func findGatewayFault(f Facts) *diagnosis.Finding {
	why := ""
	for _, fate := range f.Fates {
		if (fate.Kind == diagnosis.Failed || fate.Kind == diagnosis.Dropped) && f.Now.Sub(fate.At) < lately &&
			slices.Contains([]string{diagnosis.WhyRefused, diagnosis.WhyUnreachable, diagnosis.WhyAway}, fate.Why) {
			why = fate.Why
		}
	}
	switch {
	case f.Open != nil && f.Open.Stream.State == diagnosis.Unreachable:
		return found("GATEWAY_UNREACHABLE", "The external gateway, which holds the stream, cannot be reached. Events wait for it.",
			"Start it, or correct SSE_GATEWAY_URL. The service's log says what it tried.")
	case why == diagnosis.WhyRefused:
		return found("GATEWAY_REFUSED", "The external gateway answered pushes with an error, so events were lost. The stream is told the state anew.",
			"Look at the gateway's log, and whether SSE_GATEWAY_SECRET is what it expects.")
	case why != "":
		return found("GATEWAY_UNREACHABLE", "The external gateway could not be reached for a while: "+why+".", "Look at the gateway's log, and at the network between it and the service.")
	}
	return nil
}

func findTooLarge(f Facts) *diagnosis.Finding {
	for _, fate := range f.Fates {
		if fate.Kind == diagnosis.Dropped && fate.Why == diagnosis.WhyTooBig {
			return found("EVENT_TOO_LARGE", "The external gateway takes no event of that size: "+fate.Type+" was left out.", "Lower SSE_MAX_EVENT_BYTES to what the gateway takes, or raise that.")
		}
	}
	return nil
}

// slowWhys are why streams end whose clients read too slowly.
var slowWhys = []string{diagnosis.WhySlowLog, diagnosis.WhyFull, diagnosis.WhyStalled}

func findSlowReader(f Facts) *diagnosis.Finding {
	const advice = "Look at the client: a page that blocks its thread, a frozen tab, a slow network or a proxy that holds back. A stream that ends like this goes on where it was when its client comes back."
	for _, l := range f.Lives {
		if slices.Contains(slowWhys, l.Why) && f.Now.Sub(l.End.At) < lately {
			return found("READER_TOO_SLOW", "A stream ended at "+clock(l.End.At)+": "+l.Why+".", advice)
		}
	}
	if f.Open != nil && f.Open.Gateway == diagnosis.Embedded && f.Open.Stream.Waiting >= slowBytes {
		return found("READER_TOO_SLOW", fmt.Sprintf("The client does not take what is sent: %d events wait, %d bytes.", f.Open.Stream.Lag, f.Open.Stream.Waiting), advice)
	}
	return nil
}

func findReset(f Facts) *diagnosis.Finding {
	if f.Open == nil {
		return nil
	}
	switch f.Open.Stream.Reset {
	case stream.ResetExpired:
		return found("LOG_EXPIRED", "The client was away for so long that the log no longer had all that it had missed. It was told so with stream_reset, and got the state anew; events of your own were lost.",
			"Keep more: SSE_HISTORY_BYTES.")
	case stream.ResetEpoch:
		return found("LOG_RESTARTED", "The client has IDs of another life of the log: the service was restarted without a durable broker meanwhile. It was told so with stream_reset, and got the state anew.",
			"Set DATA_DIR or NATS_URL if clients are to go on after a restart.")
	case stream.ResetInvalid:
		return found("INVALID_ID", "The client brought a Last-Event-ID that the service has never sent.", "Send back what came as id, unchanged. After a restore of an older backup, this passes.")
	}
	return nil
}

// findCuts is about a proxy that ends streams after a time of its own.
func findCuts(f Facts) *diagnosis.Finding {
	var lasted []time.Duration
	for i, l := range f.Lives {
		ended := l.End.Reason == connection.ReasonClientClosed || l.End.Reason == connection.ReasonError
		if !ended || l.Since.IsZero() || f.Now.Sub(l.End.At) >= lately || !f.returned(i) {
			lasted = nil
			continue
		}
		lasted = append(lasted, l.End.At.Sub(l.Since))
	}
	if len(lasted) < cutsAlike {
		return nil
	}
	lasted = lasted[len(lasted)-cutsAlike:]
	shortest, longest := slices.Min(lasted), slices.Max(lasted)
	if shortest < shortestCut || longest-shortest > max(shortest/10, 250*time.Millisecond) {
		return nil
	}
	return found("PROXY_CUTS", fmt.Sprintf("The last %d streams ended after %.1f seconds each: something between the client and the service cuts them.", cutsAlike, shortest.Seconds()),
		"Raise the proxy's time limit for reading (nginx: proxy_read_timeout), or have SSE_HEARTBEAT_INTERVAL be less than it.")
}

// returned reports whether the client of a life was back soon after its end.
func (f Facts) returned(i int) bool {
	next := f.next(i)
	return !next.IsZero() && next.Sub(f.Lives[i].End.At) < comesBack
}

// next is when the connection after a life was opened; zero without one.
func (f Facts) next(i int) time.Time {
	switch {
	case i+1 < len(f.Lives):
		return f.Lives[i+1].Since
	case f.Open != nil:
		return f.Open.Since
	}
	return time.Time{}
}

// findWithoutIDs is about a client that comes back and never says what it has. The client library
// does, so one that reports is none.
func findWithoutIDs(f Facts) *diagnosis.Finding {
	n := 0
	for i, l := range f.Lives {
		if l.End.Reason == connection.ReasonReplaced || !f.returned(i) {
			continue
		}
		if i+1 < len(f.Lives) && f.Lives[i+1].Resumed || i+1 == len(f.Lives) && f.Open.Stream.Resumed {
			return nil
		}
		n++
	}
	if n < unresumed || f.Report != nil {
		return nil
	}
	return found("CLIENT_WITHOUT_IDS", fmt.Sprintf("The client came back %d times and never brought the ID of its last event, so what was sent meanwhile was lost to it.", n),
		"Send Last-Event-ID, or last_event_id in the query, with the last id that came. EventSource does by itself while one object lives; the client library always does.")
}

func findBuffering(f Facts) *diagnosis.Finding {
	r := f.Report
	if r == nil || r.HeldBack < heldBack && r.FirstByte < slowFirst && (r.State != "connecting" || r.Silent < slowFirst) {
		return nil
	}
	return found("BUFFERING_PROXY", "Bytes reach the browser late, and several at once: a proxy holds the stream back.",
		"Switch buffering off for the stream: nginx does so for X-Accel-Buffering: no, which the service sends, unless proxy_ignore_headers says otherwise.")
}

func findCompression(f Facts) *diagnosis.Finding {
	if f.Report == nil || f.Report.Encoding == "" || f.Report.Encoding == "identity" {
		return nil
	}
	return found("COMPRESSED", "The stream reaches the browser with Content-Encoding "+f.Report.Encoding+", which the service does not send: a proxy compresses it, and so holds events back.",
		"Have the proxy compress everything but text/event-stream.")
}

func findSixConnections(f Facts) *diagnosis.Finding {
	r := f.Report
	if r == nil || r.Sharing != "tab" || !strings.HasPrefix(r.Protocol, "http/1") || max(r.Tabs, f.Unshared) < sixStreams {
		return nil
	}
	return found("SIX_CONNECTIONS", fmt.Sprintf("%d tabs have a stream each over HTTP/1.1, and a browser opens six connections to a host: further tabs, and all other requests, wait.", max(r.Tabs, f.Unshared)),
		"Serve HTTP/2, which needs HTTPS, or let the client library share one stream between tabs.")
}

func findFrozenTab(f Facts) *diagnosis.Finding {
	if f.Report == nil || f.Report.Frozen < frozen {
		return nil
	}
	return found("FROZEN_TAB", fmt.Sprintf("The page did not run for %d seconds: the browser had frozen the tab, or the machine slept.", f.Report.Frozen/1000),
		"Nothing: it goes on where it was when it runs again.")
}

func findClockSkew(f Facts) *diagnosis.Finding {
	if f.Report == nil || max(f.Report.Skew, -f.Report.Skew) < skewed {
		return nil
	}
	return found("CLOCK_SKEW", fmt.Sprintf("The client's clock is %d seconds ahead of the service's; less than 0 is behind.", f.Report.Skew/1000),
		"Set the clock. Until then, times that the page shows are wrong, and its tokens seem to end too early or too late.")
}

// findConflated says that something normal was so.
func findConflated(f Facts) *diagnosis.Finding {
	n := 0
	for _, fate := range f.Fates {
		if fate.Kind == diagnosis.Conflated {
			n += fate.Count
		}
	}
	if n == 0 {
		return nil
	}
	return found("CONFLATED", fmt.Sprintf("%d progress events were left out because newer ones of the same task came before they could be sent.", n), "Nothing: this is normal. The first and the last event of a task are always sent.")
}
