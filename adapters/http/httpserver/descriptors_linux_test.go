package httpserver_test

import (
	"os"
	"strings"
	"testing"

	"heliograph/adapters/http/httpserver"
)

func TestDescriptorTableIsGrown(t *testing.T) {
	httpserver.GrowDescriptors()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "FDSize:"); ok {
			if size = strings.TrimSpace(size); len(size) < 4 {
				t.Errorf("the table has room for %s descriptors", size)
			}
			return
		}
	}
	t.Skip("this kernel does not say how large the table is")
}
