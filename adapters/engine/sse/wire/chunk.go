package wire

import (
	"bytes"
	"strconv"
)

// Answers to HTTP/1.1 clients are chunked (RFC 9112, section 7.1), because programs in
// between that do not know event streams may otherwise buffer them. The log has each frame as one chunk,
// so that what all streams share needs nothing added; where an answer is not chunked
// by the engine, the frames are cut out of their chunks.

// LastChunk is the end of an answer that is complete.
const LastChunk = "0\r\n\r\n"

// maxChunkHead is the length of the longest chunk's head: eight digits and CRLF.
const maxChunkHead = 10

// ChunkOverhead bounds what makes a frame a chunk.
const ChunkOverhead = maxChunkHead + len("\r\n")

// AppendChunk appends, as one chunk, what encode appends to what it is given: at
// least one byte, since an empty chunk is the last one.
func AppendChunk(b []byte, encode func([]byte) []byte) []byte {
	var head [maxChunkHead]byte
	start := len(b)
	b = encode(append(b, head[:]...)) // its length is not known before
	size := len(b) - start - maxChunkHead
	n := copy(b[start:], AppendChunkHead(head[:0], size))
	copy(b[start+n:], b[start+maxChunkHead:])
	return append(b[:start+n+size], "\r\n"...)
}

// AppendChunkHead appends the head of a chunk of so many bytes.
func AppendChunkHead(b []byte, size int) []byte {
	return append(strconv.AppendInt(b, int64(size), 16), "\r\n"...)
}

// ChunkSize is the length of a chunk with so many bytes.
func ChunkSize(size int) int {
	digits := 1
	for n := size; n > 0xf; n >>= 4 {
		digits++
	}
	return digits + len("\r\n") + size + len("\r\n")
}

// CutChunk returns what the first chunk in b holds, and what follows that chunk. b
// was made by AppendChunk.
func CutChunk(b []byte) (frame, rest []byte) {
	size, i := 0, 0
	for ; b[i] != '\r'; i++ {
		digit := int(b[i] - '0')
		if b[i] >= 'a' {
			digit = int(b[i]-'a') + 10
		}
		size = size<<4 | digit
	}
	b = b[i+len("\r\n"):]
	return b[:size], b[size+len("\r\n"):]
}

// AppendFrames appends what the chunks hold.
func AppendFrames(b, chunks []byte) []byte {
	for len(chunks) > 0 {
		var frame []byte
		frame, chunks = CutChunk(chunks)
		b = append(b, frame...)
	}
	return b
}

// IsHeartbeat reports whether the log's chunks are one heartbeat.
func IsHeartbeat(chunks []byte) bool { return bytes.Equal(chunks, heartbeatChunk) }

var heartbeatChunk = AppendChunk(nil, func(b []byte) []byte { return append(b, Heartbeat...) })
