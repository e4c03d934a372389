package connection

import (
	"context"
	"errors"
	"iter"

	"heliograph/domain/access"
)

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/connection.go -package=mocks -mock_names=Metrics=MockConnectionMetrics,Manager=MockConnectionManager,Opening=MockConnectionOpening,Observer=MockConnectionObserver

// What the registry and the manager may say.
var (
	// ErrNotFound: no connection has that request_id or token. Normal for late news.
	ErrNotFound = errors.New("connection not found")
	// ErrTokenTaken: the token already belongs to another request_id. The gateway
	// is broken; nothing was changed.
	ErrTokenTaken = errors.New("token belongs to another connection")
	// ErrRequestIDTaken: another subject's stream holds the request_id (rule A15). Nothing
	// was changed.
	ErrRequestIDTaken = errors.New("request_id belongs to the stream of another subject")
	// ErrOtherPrincipal: the new credential is of another subject, or sees other things,
	// than that with which the stream was opened. Nothing was changed: reconnect.
	ErrOtherPrincipal = errors.New("the credential is not of the same subject and roles as the stream's")
	// ErrUnavailable: the registry cannot be reached now. What was to be written may
	// have been written, or be written later.
	ErrUnavailable = errors.New("connection registry is unavailable")
	// ErrShuttingDown: no connection is taken any more.
	ErrShuttingDown = errors.New("the service is shutting down")
)

// Registry is the driven port to the record of all connections.
//
// There is one record per request_id and it is authoritative: a token that it
// does not name is unknown (rule C1). Implementations are safe for concurrent
// use and never show one direction without the other. Where nodes share the record,
// what one of them has done reaches the Roster of another a little later, through
// Orphans. Beside the errors named here each method may return ErrUnavailable.
type Registry interface { //nolint:interfacebloat // one kind of record: two ports would always go together
	// Put makes c, a connection of this node, the record of its request_id and
	// returns the one that was there before: the zero Connection if there was none, c
	// if it was put already, of which only the Principal is changed. After an error c is
	// not in the Roster. Errors: ErrTokenTaken, ErrRequestIDTaken when the record is
	// another subject's (Connection.MayReplace).
	Put(ctx context.Context, c Connection) (before Connection, err error)
	// PutNew is Put unless the request_id has a record, which it returns then: c if
	// that was put already. Errors: ErrTokenTaken.
	PutNew(ctx context.Context, c Connection) (there Connection, err error)
	// Renew gives c, a connection of this node, the Principal that it has here. Errors:
	// ErrNotFound when c is not the record, or not any more.
	Renew(ctx context.Context, c Connection) error
	// Remove deletes the record that names token and returns it; a newer
	// connection of the same request_id stays. Errors: ErrNotFound.
	Remove(ctx context.Context, token Token) (Connection, error)
	// ByRequestID returns the record. Errors: ErrNotFound.
	ByRequestID(ctx context.Context, id RequestID) (Connection, error)
	// ByToken returns the record that names token. Errors: ErrNotFound.
	ByToken(ctx context.Context, token Token) (Connection, error)
}

// Roster is the driven port to the list of the connections that this node owns.
// Registries implement it from memory, so it cannot fail. It is a port of its own
// because most of its users, the senders above all, need nothing else: they cannot
// change the registry.
type Roster interface {
	// Count returns how many there are.
	Count() int
	// All yields each that is there throughout the iteration once; one that comes
	// or goes meanwhile may be left out. The loop's body may call the registry.
	All() iter.Seq[Connection]
	// In yields, as All does, those whose streams are in the audience (rule A12). Unless
	// that is everyone, it costs what it yields, and not what there is.
	In(a *access.Audience) iter.Seq[Connection]
	// Single yields, as All does, those that see one task and nothing that is for everyone
	// (access.Viewer.Single). It costs what it yields.
	Single() iter.Seq[Connection]
}

// Orphans is the driven port to connections that have lost their owner, and to what
// other nodes do to the connections of this one. It is safe for concurrent use. Beside
// the errors named here each method may return ErrUnavailable.
type Orphans interface {
	// List returns the connections that belong to a node which is not present. This
	// node's own are among them, but for those in its Roster, if it is not present. It
	// may be as it was a moment ago: Adopt and Delete look again.
	List(ctx context.Context, present func(node string) bool) ([]Connection, error)
	// Adopt makes this node the owner of c, and returns it as it is then. Errors:
	// ErrNotFound when c is not the record any more, or is in the Roster already, or has
	// ended on this node.
	Adopt(ctx context.Context, c Connection) (Connection, error)
	// Delete deletes the record of c, if it is still that.
	Delete(ctx context.Context, c Connection) error
	// Release takes a connection out of this node's Roster, and reports whether it was
	// there. Its record, which is another node's, stays.
	Release(token Token) bool
	// Mismatches returns what has come to disagree since the last call: own is in this
	// node's Roster and its record may say something else; orphaned is recorded for this
	// node and may not be in the Roster, as after a Put that failed. Look closer:
	// neither is certain.
	Mismatches() (own, orphaned []Connection)
}

// Manager is the driving port that gateways' inbound sides call. It is safe for
// concurrent use, and none of its methods waits for an observer.
type Manager interface {
	// Connect registers a connection, and has the one that it replaces sent replaced and
	// closed at its gateway (rule C3). Its principal is that of ctx. The stream must be able to take events
	// already (rule G9). With a lastEventID, which its client brought, it is first sent
	// what it missed since (rule G6); "" is nothing, or a gateway that does that itself.
	// Once the connect was answered, call a method of the Opening, which is nil after an
	// error. The connection's principal is that of ctx (rule A12). Errors: ErrTokenTaken,
	// ErrRequestIDTaken, ErrUnavailable, ErrShuttingDown; when authentication is required
	// access.ErrNoCredential for no principal, and *access.RefusedError for one that was
	// revoked meanwhile (rule A18). A ctx that is done is one, too: whoever asked has given up, and
	// the stream that it asks for must take nobody's place (rule C3).
	Connect(ctx context.Context, id RequestID, token Token, lastEventID string) (Opening, error)
	// Disconnect removes the connection that token names. An unknown token
	// changes nothing and is no error (rule C4).
	Disconnect(ctx context.Context, token Token, reason Reason)
	// Observe registers an observer under a name for the logs. Observers are
	// called in the order of registration, for connections opened from then on.
	Observe(name string, o Observer)
}

// Credentials is the driving port that keeps streams in step with the credentials that
// they were opened with. It is safe for concurrent use.
type Credentials interface {
	// Renew gives the open stream of a request_id a new credential of its principal, so
	// that it goes on for as long as that lasts (rule A17). Any node may be asked. Errors:
	// ErrNotFound, ErrOtherPrincipal, ErrUnavailable.
	Renew(ctx context.Context, id RequestID, p *access.Principal) error
}

// Opening is a connection that is registered, and whose connect is still to be answered.
// When that was done one of its methods is called, once. A connect that could not be
// answered needs no call.
type Opening interface {
	// Opened has the observers called, in the background (rule C5).
	Opened()
	// OpenedHere has them called in the goroutine of the caller, if that has nothing else
	// to do: it spares a connect the way to another one. It returns when they have; one
	// that is late holds up only the caller.
	OpenedHere()
}

// Observer is called with connections that can be sent to.
type Observer interface {
	// Connected is called outside any lock when c was opened, and again when c had
	// lost events and can be reached again (rule E6). ctx ends with the observer's
	// time limit; an error is logged and changes nothing else (rule C5).
	// Calls for different connections run concurrently.
	Connected(ctx context.Context, c Connection) error
}

// ObserverFunc makes an Observer of a function.
type ObserverFunc func(ctx context.Context, c Connection) error

// Connected calls f.
func (f ObserverFunc) Connected(ctx context.Context, c Connection) error { return f(ctx, c) }

// Metrics is the driven port that counts connections (rule C9): at any time
// connects − disconnects is the number of active ones.
type Metrics interface {
	Connected()
	Disconnected()
}
