// Package docs_test holds the documents to what they say: links lead somewhere,
// samples are code that compiles, JSON is JSON.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// document is one Markdown file. Its path is relative to this folder.
type document struct {
	path  string
	lines []string
}

// documents returns the README and everything in this folder.
func documents(t *testing.T) []document {
	t.Helper()
	paths := []string{filepath.Join("..", "README.md")}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == ".md" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	docs := make([]document, len(paths))
	for i, path := range paths {
		docs[i] = document{path: path, lines: strings.Split(read(t, path), "\n")}
	}
	return docs
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block is one fenced block. From is the file named in a comment
// <!-- from: path --> right above it, relative to the document, or "".
type block struct {
	line           int
	language, from string
	text           string
}

// split returns the fenced blocks, and as prose the lines outside them.
func (d document) split() (blocks []block, prose []string) {
	var open *block
	above := ""
	for i, line := range d.lines {
		language, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open == nil:
			open = &block{line: i + 1, language: language, from: fromComment(above)}
		case fence:
			blocks, open = append(blocks, *open), nil
		case open != nil:
			open.text += line + "\n"
		default:
			prose = append(prose, line)
		}
		above = line
	}
	return blocks, prose
}

func fromComment(line string) string {
	path, found := strings.CutPrefix(strings.TrimSpace(line), "<!-- from: ")
	path, closed := strings.CutSuffix(path, " -->")
	if !found || !closed {
		return ""
	}
	return path
}
