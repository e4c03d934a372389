package main

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionScripts are for shells; each asks the hidden command "heliograph __complete" for what
// can come next, so that a script need not change when the command line does.
//
//go:embed completion
var completionScripts embed.FS

// completionCommand is "heliograph completion".
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"For which shell: bash, zsh or fish."`
}

// Help is what --help says more.
func (completionCommand) Help() string {
	return `Prints what makes the shell complete commands and options. For this shell, and for all to come:

  source <(heliograph completion bash)       in ~/.bashrc
  source <(heliograph completion zsh)        in ~/.zshrc, after compinit
  heliograph completion fish | source        in ~/.config/fish/config.fish`
}

// Run prints the script.
func (c completionCommand) Run(p *program) error {
	script, err := completionScripts.ReadFile("completion/heliograph." + c.Shell)
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(script)
	return err
}

// completeCommand is "heliograph __complete", which the scripts call.
type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run prints what can be in the place of the last word, one a line, with a description after a
// tab.
func (c completeCommand) Run(p *program, parsed *kong.Context) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" { // kong leaves it there
		words = words[1:]
	}
	// bash divides --name=value into three.
	words = slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == "=" })
	for _, found := range complete(parsed.Model.Node, words) {
		if _, err := fmt.Fprintf(p.stdout, "%s\t%s\n", found.word, found.help); err != nil {
			return err
		}
	}
	return nil
}

// candidate is a word that can come next.
type candidate struct{ word, help string }

// complete returns what can be in the place of the last of words, of which the others stand
// before it.
func complete(root *kong.Node, words []string) []candidate {
	if len(words) == 0 {
		words = []string{""}
	}
	line := completedLine{node: root}
	last := len(words) - 1
	for _, word := range words[:last] {
		line.take(word)
	}
	return slices.DeleteFunc(line.next(words[last]), func(c candidate) bool { return !strings.HasPrefix(c.word, words[last]) })
}

// completedLine is what the words of a command line mean so far.
type completedLine struct {
	node        *kong.Node
	flag        *kong.Flag // whose value comes next; nil if none does
	positionals int
	noFlags     bool // after --
}

func (l *completedLine) take(word string) {
	switch {
	case l.flag != nil:
		l.flag = nil
	case word == "--":
		l.noFlags = true
	case strings.HasPrefix(word, "-") && !l.noFlags:
		name, _, valued := strings.Cut(word, "=")
		if flag := l.find(name); flag != nil && !flag.IsBool() && !valued {
			l.flag = flag
		}
	default:
		for _, child := range l.node.Children {
			if child.Name == word && l.positionals == 0 {
				l.node = child
				return
			}
		}
		l.positionals++
	}
}

// flags returns the visible flags that can stand here.
func (l *completedLine) flags() (flags []*kong.Flag) {
	for _, group := range l.node.AllFlags(true) {
		flags = append(flags, group...)
	}
	if l.node.DefaultCmd != nil {
		flags = append(flags, l.node.DefaultCmd.Flags...)
	}
	return flags
}

func (l *completedLine) find(name string) *kong.Flag {
	for _, flag := range l.flags() {
		if name == "--"+flag.Name || flag.Short != 0 && name == "-"+string(flag.Short) {
			return flag
		}
	}
	return nil
}

func (l *completedLine) next(word string) (found []candidate) {
	switch {
	case l.flag != nil:
		return valuesOf(l.flag.Value, "")
	case strings.HasPrefix(word, "-") && !l.noFlags:
		if name, _, valued := strings.Cut(word, "="); valued {
			if flag := l.find(name); flag != nil {
				return valuesOf(flag.Value, name+"=")
			}
			return nil
		}
		for _, flag := range l.flags() {
			found = append(found, candidate{"--" + flag.Name, firstSentence(flag.Help)})
		}
		return found
	}
	if l.positionals == 0 {
		for _, child := range l.node.Children {
			if !child.Hidden {
				found = append(found, candidate{child.Name, firstSentence(child.Help)})
			}
		}
	}
	if l.positionals < len(l.node.Positional) {
		found = append(found, valuesOf(l.node.Positional[l.positionals], "")...)
	}
	return found
}

// valuesOf returns the values that a flag or an argument can have, if those are few: an enum,
// or what its tag "complete" names.
func valuesOf(value *kong.Value, before string) (found []candidate) {
	names := value.Tag.Get("complete")
	if value.Enum != "" {
		names = value.Enum
	}
	for name := range strings.SplitSeq(names, ",") {
		if name != "" {
			found = append(found, candidate{word: before + name})
		}
	}
	return found
}

// firstSentence is as much as fits beside a word.
func firstSentence(help string) string {
	sentence, _, _ := strings.Cut(strings.TrimSuffix(strings.Join(strings.Fields(help), " "), "."), ". ")
	return sentence
}
