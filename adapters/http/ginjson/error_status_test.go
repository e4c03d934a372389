package ginjson_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strings"
	"testing"

	"heliograph/adapters/http/ginjson"
	"heliograph/domain/access"
	"heliograph/domain/appevent"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// answers is what every sentinel of the domain means to a client. A 500 is for
// those that no inbound port returns.
var answers = map[string]struct {
	err    error
	status int
	code   string
}{
	"access.ErrNoCredential":    {access.ErrNoCredential, 401, "UNAUTHORIZED"},
	"access.ErrUnavailable":     {access.ErrUnavailable, 503, "AUTH_UNAVAILABLE"},
	"access.ErrInvalidAudience": {access.ErrInvalidAudience, 400, "INVALID_AUDIENCE"},

	"connection.ErrRequestIDTaken":   {connection.ErrRequestIDTaken, 403, "REQUEST_ID_TAKEN"},
	"connection.ErrOtherPrincipal":   {connection.ErrOtherPrincipal, 409, "OTHER_PRINCIPAL"},
	"connection.ErrInvalidRequestID": {connection.ErrInvalidRequestID, 400, "INVALID_REQUEST_ID"},
	"connection.ErrNotFound":         {connection.ErrNotFound, 404, "UNKNOWN_CONNECTION"},
	"connection.ErrTokenTaken":       {connection.ErrTokenTaken, 400, "INVALID_PAYLOAD"},
	"connection.ErrShuttingDown":     {connection.ErrShuttingDown, 503, "SHUTTING_DOWN"},
	"connection.ErrUnavailable":      {connection.ErrUnavailable, 503, "BROKER_UNAVAILABLE"},

	"appevent.ErrInvalidName":  {appevent.ErrInvalidName, 400, "INVALID_EVENT_NAME"},
	"appevent.ErrUnderWay":     {appevent.ErrUnderWay, 409, "IDEMPOTENCY_KEY_IN_USE"},
	"appevent.ErrShuttingDown": {appevent.ErrShuttingDown, 503, "SHUTTING_DOWN"},

	"event.ErrInvalid":     {event.ErrInvalid, 500, "INTERNAL_ERROR"},
	"event.ErrInvalidID":   {event.ErrInvalidID, 400, "INVALID_CURSOR"},
	"event.ErrClosed":      {event.ErrClosed, 503, "SHUTTING_DOWN"},
	"event.ErrUnavailable": {event.ErrUnavailable, 503, "BROKER_UNAVAILABLE"},
	"event.ErrTooLarge":    {event.ErrTooLarge, 413, "PAYLOAD_TOO_LARGE"},
	"event.ErrStale":       {event.ErrStale, 500, "INTERNAL_ERROR"},
	"event.ErrExpired":     {event.ErrExpired, 500, "INTERNAL_ERROR"},
	"event.ErrEpoch":       {event.ErrEpoch, 500, "INTERNAL_ERROR"},

	"gateway.ErrUnknownToken":       {gateway.ErrUnknownToken, 500, "INTERNAL_ERROR"},
	"gateway.ErrStreamFull":         {gateway.ErrStreamFull, 500, "INTERNAL_ERROR"},
	"gateway.ErrClosed":             {gateway.ErrClosed, 503, "SHUTTING_DOWN"},
	"gateway.ErrRefused":            {gateway.ErrRefused, 500, "INTERNAL_ERROR"},
	"gateway.ErrUnreachable":        {gateway.ErrUnreachable, 500, "INTERNAL_ERROR"},
	"gateway.ErrOverflow":           {gateway.ErrOverflow, 500, "INTERNAL_ERROR"},
	"gateway.ErrNodeAway":           {gateway.ErrNodeAway, 500, "INTERNAL_ERROR"},
	"gateway.ErrNotConfigured":      {gateway.ErrNotConfigured, 500, "INTERNAL_ERROR"},
	"gateway.ErrBackendBusy":        {gateway.ErrBackendBusy, 500, "INTERNAL_ERROR"},
	"gateway.ErrComeBack":           {gateway.ErrComeBack, 500, "INTERNAL_ERROR"},
	"gateway.ErrBackendUnreachable": {gateway.ErrBackendUnreachable, 500, "INTERNAL_ERROR"},
	"gateway.ErrBackendTimeout":     {gateway.ErrBackendTimeout, 500, "INTERNAL_ERROR"},

	"diagnosis.ErrUnknown":       {diagnosis.ErrUnknown, 404, "UNKNOWN_REQUEST_ID"},
	"diagnosis.ErrInvalidCursor": {diagnosis.ErrInvalidCursor, 400, "INVALID_CURSOR"},

	"output.ErrWrongOffset":  {&output.OffsetError{Length: 7}, 409, "WRONG_OFFSET"},
	"output.ErrTooLarge":     {output.ErrTooLarge, 413, "PAYLOAD_TOO_LARGE"},
	"output.ErrInvalidUTF8":  {output.ErrInvalidUTF8, 400, "INVALID_UTF8"},
	"output.ErrUnavailable":  {output.ErrUnavailable, 503, "BROKER_UNAVAILABLE"},
	"output.ErrTooMany":      {output.ErrTooMany, 409, "TOO_MANY_FOLLOWED"},
	"output.ErrShuttingDown": {output.ErrShuttingDown, 503, "SHUTTING_DOWN"},

	"task.ErrNotFound":       {task.ErrNotFound, 404, "TASK_NOT_FOUND"},
	"task.ErrConflict":       {task.ErrConflict, 500, "INTERNAL_ERROR"},
	"task.ErrDuplicate":      {task.ErrDuplicate, 500, "INTERNAL_ERROR"},
	"task.ErrTooLarge":       {task.ErrTooLarge, 413, "PAYLOAD_TOO_LARGE"},
	"task.ErrUnavailable":    {task.ErrUnavailable, 503, "BROKER_UNAVAILABLE"},
	"task.ErrInvalidCursor":  {task.ErrInvalidCursor, 400, "INVALID_CURSOR"},
	"task.ErrUnknownType":    {task.ErrUnknownType, 400, "UNKNOWN_TASK_TYPE"},
	"task.ErrInvalidParams":  {task.ErrInvalidParams, 400, "INVALID_PARAMS"},
	"task.ErrInvalidLabels":  {task.ErrInvalidLabels, 400, "INVALID_LABELS"},
	"task.ErrNoFilter":       {task.ErrNoFilter, 400, "FILTER_REQUIRED"},
	"task.ErrNotClaimable":   {task.ErrNotClaimable, 400, "TASK_TYPE_NOT_CLAIMABLE"},
	"task.ErrQueueFull":      {task.ErrQueueFull, 503, "QUEUE_FULL"},
	"task.ErrShuttingDown":   {task.ErrShuttingDown, 503, "SHUTTING_DOWN"},
	"task.ErrNotCancellable": {task.ErrNotCancellable, 404, "TASK_NOT_CANCELLABLE"},
	"task.ErrNotFinished":    {task.ErrNotFinished, 404, "TASK_NOT_FINISHED"},
	"task.ErrNoTask":         {task.ErrNoTask, 500, "INTERNAL_ERROR"},
	"task.ErrInvalidRunAt":   {task.ErrInvalidRunAt, 400, "INVALID_RUN_AT"},
	"task.ErrLeaseLost":      {task.ErrLeaseLost, 409, "LEASE_LOST"},
	"task.ErrCancelled":      {task.ErrCancelled, 500, "INTERNAL_ERROR"},
	"task.ErrTimeLimit":      {task.ErrTimeLimit, 500, "INTERNAL_ERROR"},
	"task.ErrPermanent":      {task.ErrPermanent, 500, "INTERNAL_ERROR"},

	"version.ErrInvalid":      {version.ErrInvalid, 400, "INVALID_PAYLOAD"},
	"version.ErrUnavailable":  {version.ErrUnavailable, 503, "VERSION_UNAVAILABLE"},
	"version.ErrNoSource":     {version.ErrNoSource, 503, "VERSION_UNAVAILABLE"},
	"version.ErrShuttingDown": {version.ErrShuttingDown, 503, "SHUTTING_DOWN"},
	"version.ErrTooLarge":     {version.ErrTooLarge, 413, "PAYLOAD_TOO_LARGE"},
}

func TestEveryDomainErrorHasAStatus(t *testing.T) { // S3
	for _, name := range domainSentinels(t) {
		want, ok := answers[name]
		if !ok {
			t.Errorf("%s has no row in this table", name)
			continue
		}
		status, code, _ := ginjson.Classify(fmt.Errorf("do something: %w", want.err))
		if status != want.status || code != want.code {
			t.Errorf("%s is answered with %d %s, want %d %s", name, status, code, want.status, want.code)
		}
	}
}

// domainSentinels returns the package-level errors of the domain, as they are
// written in its source.
func domainSentinels(t *testing.T) []string {
	t.Helper()
	domain := os.DirFS("../../../domain")
	files, err := fs.Glob(domain, "*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("the domain has %d files: %v", len(files), err)
	}
	var names []string
	for _, file := range files {
		source, err := fs.ReadFile(domain, file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range sentinels(parsed) {
			names = append(names, parsed.Name.Name+"."+name)
		}
	}
	return names
}

// sentinels returns the names of a file's exported package-level variables that
// start with Err.
func sentinels(file *ast.File) (names []string) {
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR {
			continue
		}
		for _, spec := range group.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				if strings.HasPrefix(name.Name, "Err") {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

func TestMessagesHideInternalCauses(t *testing.T) {
	cause := errors.New("dial broker-7:4222")
	cases := []struct {
		err  error
		want string
	}{
		{fmt.Errorf("%w: %q must be a number", task.ErrInvalidParams, "steps"), `invalid params: "steps" must be a number`},
		{fmt.Errorf("%w: %w", event.ErrUnavailable, cause), "event broker is unavailable"},
		{fmt.Errorf("%w: it answered 500", version.ErrUnavailable), "version source is unavailable: it answered 500"}, // V6
		{cause, "something went wrong on the server; its log says what"},
		{fmt.Errorf("read: %w", ginjson.InvalidPayload("not this")), "not this"},
	}
	for _, c := range cases {
		if _, _, got := ginjson.Classify(c.err); got != c.want {
			t.Errorf("Classify(%v) says %q, want %q", c.err, got, c.want)
		}
	}
}
