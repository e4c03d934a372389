package fates

import "sync"

// Word stands for a text in Words; 0 for "".
type Word uint16

// maxWords bounds how many texts are kept: names of events are an application's own, and few.
const maxWords = 1 << 10

// Words are texts that many entries have: names of events, and why. Its zero value is
// empty. It is safe for concurrent use.
type Words struct {
	mu     sync.RWMutex
	texts  []string        // guarded by mu
	byText map[string]Word // guarded by mu
}

// Of returns the word for a text; 0 once there are too many.
func (w *Words) Of(text string) Word {
	if text == "" {
		return 0
	}
	w.mu.RLock()
	word, known := w.byText[text]
	w.mu.RUnlock()
	if known {
		return word
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if word, known := w.byText[text]; known || len(w.texts) == maxWords {
		return word
	}
	if w.byText == nil {
		w.byText = map[string]Word{}
	}
	w.texts = append(w.texts, text)
	word = Word(len(w.texts)) //nolint:gosec // maxWords
	w.byText[text] = word
	return word
}

// Text is what Of was given.
func (w *Words) Text(word Word) string {
	if word == 0 {
		return ""
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.texts[word-1]
}
