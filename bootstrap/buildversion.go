package bootstrap

import (
	"cmp"
	"runtime/debug"
	"strings"
)

// stamped and stampedRevision are set by the linker, for builds that the Go tool finds no
// repository for: -ldflags "-X heliograph/bootstrap.stamped=1.2.3
// -X heliograph/bootstrap.stampedRevision=c0ffee…". What is "" is not known.
var stamped, stampedRevision string

// unstamped is the version of a build without a version of its own.
const unstamped = "0.0.0-dev"

// revisionLength is how many characters of a commit are shown, as the Go tool does in
// versions.
const revisionLength = 12

// Build says which build of the program this is.
type Build struct {
	// Version is never empty. One that no tag names has the commit.
	Version string
	// Revision is the commit that it was built from, with "-dirty" if files had been changed;
	// "" if that is not known.
	Revision string
}

// ThisBuild returns that of this binary: what was stamped, or else what the Go tool took
// from the repository.
func ThisBuild() Build {
	info, _ := debug.ReadBuildInfo() // nil if there is none
	return newBuild(stamped, stampedRevision, info)
}

// BuildVersion returns the version of this binary.
func BuildVersion() string { return ThisBuild().Version }

func newBuild(version, revision string, info *debug.BuildInfo) Build {
	if info == nil {
		info = &debug.BuildInfo{}
	}
	b := Build{Version: version, Revision: cmp.Or(shorten(revision), revisionOf(info))}
	if b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = strings.TrimPrefix(info.Main.Version, "v")
	}
	if b.Version == "" {
		b.Version = unstamped
		if b.Revision != "" {
			b.Version += "+" + b.Revision
		}
	}
	return b
}

func revisionOf(info *debug.BuildInfo) string {
	var revision, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = dirtySuffix
		}
	}
	if revision == "" {
		return ""
	}
	return shorten(revision) + dirty
}

// dirtySuffix is how git describe marks a commit when files have been changed since.
const dirtySuffix = "-dirty"

// shorten returns a commit as it is shown.
func shorten(revision string) string {
	commit, dirty := strings.CutSuffix(revision, dirtySuffix)
	commit = commit[:min(len(commit), revisionLength)]
	if dirty {
		commit += dirtySuffix
	}
	return commit
}
