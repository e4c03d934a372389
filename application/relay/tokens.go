package relay

import (
	"slices"

	"heliograph/domain/connection"
)

// maxChunk bounds how many tokens one insertion moves.
const maxChunk = 512

// tokenIndex is a set of tokens in their order: a list of short sorted lists. To
// add, to remove and to find a token takes microseconds with a million of them,
// and a page costs what is in it. Its zero value is empty.
type tokenIndex struct {
	chunks [][]connection.Token // sorted, as each of them is; none is empty
}

// find returns where token is, or where it would have to be added.
func (x *tokenIndex) find(token connection.Token) (chunk, at int, found bool) {
	chunk, _ = slices.BinarySearchFunc(x.chunks, token, func(c []connection.Token, t connection.Token) int {
		if c[0] <= t {
			return -1
		}
		return 1
	})
	chunk = max(chunk-1, 0) // the last that begins at or before token
	if chunk == len(x.chunks) {
		return chunk, 0, false
	}
	at, found = slices.BinarySearch(x.chunks[chunk], token)
	return chunk, at, found
}

func (x *tokenIndex) add(token connection.Token) {
	i, at, found := x.find(token)
	if found {
		return
	}
	if i == len(x.chunks) {
		x.chunks = append(x.chunks, nil)
	}
	c := slices.Insert(x.chunks[i], at, token)
	x.chunks[i] = c
	if len(c) > maxChunk {
		x.chunks[i] = c[: maxChunk/2 : maxChunk/2]
		x.chunks = slices.Insert(x.chunks, i+1, slices.Clone(c[maxChunk/2:]))
	}
}

func (x *tokenIndex) remove(token connection.Token) {
	i, at, found := x.find(token)
	if !found {
		return
	}
	if x.chunks[i] = slices.Delete(x.chunks[i], at, at+1); len(x.chunks[i]) == 0 {
		x.chunks = slices.Delete(x.chunks, i, i+1)
	}
}

// after returns the tokens that follow token, at most limit of them, and whether
// there are more.
func (x *tokenIndex) after(token connection.Token, limit int) (page []connection.Token, more bool) {
	i, at, found := x.find(token)
	if found {
		at++
	}
	for ; i < len(x.chunks); i, at = i+1, 0 {
		for _, t := range x.chunks[i][at:] {
			if len(page) == limit {
				return page, true
			}
			page = append(page, t)
		}
	}
	return page, false
}
