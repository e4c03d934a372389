package bootstrap

import (
	"runtime/debug"
	"strings"
)

// stamped is set by the linker: -ldflags "-X heliograph/bootstrap.stamped=1.2.3".
var stamped string

// unstamped is the version of a build without a version of its own (rule V6).
const unstamped = "0.0.0-dev"

// BuildVersion returns the version of this binary: the stamped one, else the
// one that the Go tool took from the repository, else 0.0.0-dev.
func BuildVersion() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return unstamped
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}
