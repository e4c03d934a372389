package bootstrap

import (
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"testing"
)

func TestABuildNamesItsVersionAndItsCommit(t *testing.T) {
	const commit = "21b7d3e1a2b3c4d5e6f708192a3b4c5d6e7f8091"
	info := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	at, modified := debug.BuildSetting{Key: "vcs.revision", Value: commit}, debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for name, c := range map[string]struct {
		version, revision string
		info              *debug.BuildInfo
		want              Build
	}{
		"go run of a folder without a repository":      {"", "", info("(devel)"), Build{"0.0.0-dev", ""}},
		"a binary that says nothing of itself":         {"", "", nil, Build{"0.0.0-dev", ""}},
		"a build without a version of the Go tool's":   {"", "", info("(devel)", at), Build{"0.0.0-dev+21b7d3e1a2b3", "21b7d3e1a2b3"}},
		"with changed files":                           {"", "", info("", at, modified), Build{"0.0.0-dev+21b7d3e1a2b3-dirty", "21b7d3e1a2b3-dirty"}},
		"a build of a tag":                             {"", "", info("v1.4.0", at), Build{"1.4.0", "21b7d3e1a2b3"}},
		"between tags":                                 {"", "", info("v1.4.1-0.20261128070012-21b7d3e1a2b3", at), Build{"1.4.1-0.20261128070012-21b7d3e1a2b3", "21b7d3e1a2b3"}},
		"make build without a tag":                     {"", commit, info("(devel)"), Build{"0.0.0-dev+21b7d3e1a2b3", "21b7d3e1a2b3"}},
		"make build without a tag, with changed files": {"", "21b7d3e1a2b3-dirty", info("(devel)"), Build{"0.0.0-dev+21b7d3e1a2b3-dirty", "21b7d3e1a2b3-dirty"}},
		"make build of a tag":                          {"1.4.0", commit, info("(devel)"), Build{"1.4.0", "21b7d3e1a2b3"}},
		"an image that was given a version only":       {"1.4.0", "", info("(devel)"), Build{"1.4.0", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newBuild(c.version, c.revision, c.info); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// The linker says nothing of a name that is not there.
func TestWhatIsStampedIsThere(t *testing.T) {
	for _, file := range []string{"../Makefile", "../Dockerfile"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range regexp.MustCompile(`-X heliograph/bootstrap\.(\w+)=`).FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
		if !slices.Equal(names, []string{"stamped", "stampedRevision"}) {
			t.Errorf("%s stamps %v", file, names)
		}
	}
}
