package task

import (
	"cmp"
	"errors"
	"strings"
)

// Failure is the data of EventFailed, and what the status says of a task that failed.
type Failure struct {
	Error string `json:"error"` // a message for people, never empty
	// Code is one that programs can tell apart: one of those below, or the handler's own
	// (WithCode); never empty.
	Code string `json:"code"`
	// Final says that trying again is useless (rule T18); it is not part of the data.
	Final bool `json:"-"`
}

// Failure returns what a failed t says.
func (t Task) Failure() Failure {
	return Failure{Error: t.Error, Code: cmp.Or(t.ErrorCode, CodeFailed)}
}

// The codes of failures. A handler may give its own tasks these and any others.
const (
	CodeFailed         = "TASK_FAILED"       // the handler, the command or the worker said so, without a code of its own
	CodePanic          = "PANIC"             // the handler panicked, or ended its goroutine (rule T6)
	CodeInvalidResult  = "INVALID_RESULT"    // the result is not JSON in UTF-8
	CodeResultTooLarge = "RESULT_TOO_LARGE"  // the result is larger than can be stored
	CodeTimeLimit      = "TIME_LIMIT"        // the task ran for longer than it may (rule T8)
	CodeAbandoned      = "ABANDONED"         // the task went on after it was asked to stop (rule T7)
	CodeWorkerLost     = "WORKER_LOST"       // the worker did not report, or may not work any more (rules T2, A18)
	CodeNodeLost       = "NODE_LOST"         // the node that ran the task is gone (rule T2)
	CodeUnknownType    = "UNKNOWN_TASK_TYPE" // the service has none of that name any more
)

// MaxCode is how many characters a code has at most.
const MaxCode = 64

const codeChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

// ValidCode reports whether a failure may have the code: 1 to MaxCode of A-Z, a-z, 0-9,
// '.', '_' and '-'.
func ValidCode(code string) bool {
	return code != "" && len(code) <= MaxCode && strings.Trim(code, codeChars) == ""
}

// WithCode returns err with a code, which a handler returns so that its task fails with
// it. It has the text of err, and is what err is. A code that is not valid does not count.
func WithCode(err error, code string) error {
	if err == nil {
		return nil
	}
	return &codedError{error: err, code: code}
}

type codedError struct {
	error

	code string
}

// Unwrap returns the error without its code.
func (e *codedError) Unwrap() error { return e.error }

// CodeOf returns the code of a handler's error: CodeFailed if it has none that is valid.
func CodeOf(err error) string {
	if coded, ok := errors.AsType[*codedError](err); ok && ValidCode(coded.code) {
		return coded.code
	}
	return CodeFailed
}
