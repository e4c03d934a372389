//go:build linux

package load

import (
	"bytes"
	"strings"
	"time"
)

// A mark is what a message carries through every server unchanged: a number and
// the time at which it was published, in digits of a fixed width, so that all
// messages are of one length and a publisher only overwrites digits.
//
//	@0000000017.0000000000012345678
const (
	markByte   = '@' // nowhere else in a stream, and left alone by JSON and forms
	seqDigits  = 10
	timeDigits = 19
	markLen    = 1 + seqDigits + 1 + timeDigits
)

// blankMark is the mark in a message's template.
var blankMark = string(markByte) + strings.Repeat("0", seqDigits) + "." + strings.Repeat("0", timeDigits)

// Payload returns the template of a message: a JSON object of size bytes, at
// least 46, that is also a version as heliograph understands it.
func Payload(size int) string {
	const head, tail = `{"version":"`, `"}`
	return head + blankMark + strings.Repeat("x", size-len(head)-markLen-len(tail)) + tail
}

// putMark overwrites the digits of the mark that b begins with.
func putMark(b []byte, seq uint64, at time.Duration) {
	putDigits(b[1:1+seqDigits], seq)
	putDigits(b[1+seqDigits+1:markLen], uint64(at)) //nolint:gosec // time since the start is not negative
}

func putDigits(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

// seqOf and timeOf read the mark that b begins with.
func seqOf(b []byte) uint64         { return digits(b[1 : 1+seqDigits]) }
func timeOf(b []byte) time.Duration { return time.Duration(digits(b[1+seqDigits+1 : markLen])) } //nolint:gosec // 19 digits fit

func digits(b []byte) (n uint64) {
	for _, c := range b {
		n = 10*n + uint64(c-'0')
	}
	return n
}

var frameEnd = []byte("\n\n")

// nextMessage returns the first whole message in b, from its mark on, and what
// follows its frame. What comes before a mark (heartbeats, greetings, the
// frame's other fields) is passed over. Without a whole message, rest is what
// must be looked at again once more has come. The framing of HTTP's chunks is
// not undone: a server that ended a chunk within a message would be found to
// lose it, and none does.
func nextMessage(b []byte) (mark, rest []byte) {
	at := bytes.IndexByte(b, markByte)
	if at < 0 {
		return nil, b[bytes.LastIndex(b, frameEnd)+1:]
	}
	if len(b) < at+markLen {
		return nil, b
	}
	end := bytes.Index(b[at+markLen:], frameEnd)
	if end < 0 {
		return nil, b
	}
	return b[at:], b[at+markLen+end+len(frameEnd):]
}

// eventID returns the value of the last "id:" line in b, or "".
func eventID(b []byte) string {
	i := bytes.LastIndex(b, []byte("id:"))
	if i < 0 {
		return ""
	}
	line, _, _ := bytes.Cut(b[i+len("id:"):], []byte{'\n'})
	return string(bytes.TrimSpace(line))
}
