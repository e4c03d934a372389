package architecture_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// suites are the contract suites by port, in test/contract.
var suites = map[string]string{
	"access.Authenticator":   "authenticatorcontract",
	"access.Policy":          "policycontract",
	"access.Revocations":     "revocationscontract",
	"access.Service":         "accessservicecontract",
	"access.TaskTokens":      "tasktokenscontract",
	"access.Tickets":         "ticketscontract",
	"appevent.Service":       "appeventservicecontract",
	"appevent.Receipts":      "receiptscontract",
	"connection.Registry":    "registrycontract",
	"connection.Roster":      "registrycontract",
	"connection.Orphans":     "orphanscontract",
	"connection.Manager":     "connectionmanagercontract",
	"connection.Opening":     "connectionmanagercontract",
	"connection.Credentials": "credentialscontract",
	"connection.Metrics":     "metricscontract",
	"event.History":          "historycontract",
	"event.Log":              "logcontract",
	"event.Publisher":        "publishercontract",
	"gateway.Backend":        "backendcontract",
	"gateway.Control":        "controlcontract",
	"gateway.Sender":         "sendercontract",
	"gateway.Metrics":        "metricscontract",
	"output.Store":           "outputcontract",
	"task.Store":             "taskstorecontract",
	"task.Service":           "taskservicecontract",
	"task.Reader":            "taskreadercontract",
	"task.Workers":           "taskworkerscontract",
	"task.Handler":           "taskhandlercontract",
	"task.Metrics":           "metricscontract",
	"version.Service":        "versionservicecontract",
	"version.Source":         "versionsourcecontract",
	"version.Pending":        "versionpendingcontract",
	"version.Board":          "versionboardcontract",
	"cluster.Roll":           "nodescontract",
	"cluster.Nodes":          "nodescontract",
	"cluster.Questions":      "questionscontract",
	"diagnosis.Streams":      "sendercontract",
}

// noSuite are the ports without one, and why that is right.
var noSuite = map[string]string{
	"connection.Observer": "what it does is its own affair; connection.Manager's suite holds how it is called",
	"diagnosis.Service":   "application/diagnosis is the only one",
	"event.Receiver":      "bootstrap and application/versions have the only ones; event.Publisher's suite holds how it is called",
	"event.LogReader":     "application/logs is the only one",
	"gateway.Listener":    "application/connections is the only one; gateway.Sender's suite holds how it is called",
	"gateway.Messenger":   "application/connections is the only one; appevent.Service's suite and the cluster's tests hold what reaches streams",
	"gateway.Peer":        "application/connections is the only one; gateway.Control's suite holds how it is called",
	"gateway.Relay":       "application/relay is the only one",
	"output.Followers":    "application/outputs/following is the only one",
	"output.Reader":       "application/outputs is the only one",
	"output.Writer":       "application/outputs is the only one",
	"overview.Service":    "application/overview is the only one",
	"version.Overview":    "application/versions is the only one",
	"task.Overview":       "application/tasks is the only one",
	"task.Reporter":       "application/tasks is the only one; task.Handler's suite holds how it is called",
}

// ports returns the names of all ports with the path of their mocks: those of
// ports.go are in a file of the concept's name, others in one of their file's.
func ports(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, p := range list(t) {
		if !under(p.folder(), "domain") {
			continue
		}
		for _, file := range p.GoFiles {
			concept, mocks := filepath.Base(p.Dir), file
			if file == "ports.go" {
				mocks = concept + ".go"
			}
			for _, name := range interfaces(t, filepath.Join(p.Dir, file)) {
				found[concept+"."+name] = filepath.Join(p.Dir, "../../test/mocks", mocks)
			}
		}
	}
	if len(found) == 0 {
		t.Fatal("no ports found in domain")
	}
	return found
}

// interfaces returns the names of the interfaces that a file declares.
func interfaces(t *testing.T, path string) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if _, ok := spec.Type.(*ast.InterfaceType); ok {
			names = append(names, spec.Name.Name)
		}
		return false
	})
	return names
}

func TestEveryPortHasAMock(t *testing.T) {
	for port, path := range ports(t) {
		mocks, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if name := filepath.Ext(port)[1:]; !regexp.MustCompile(`is a mock of ` + name + ` interface\.`).Match(mocks) {
			t.Errorf("test/mocks/%s has no mock of %s; run make generate", filepath.Base(path), port)
		}
	}
}

func TestEveryPortHasAContractSuiteThatIsUsed(t *testing.T) {
	used := map[string]bool{}
	for _, p := range list(t) {
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			used[imported] = true
		}
	}
	all := ports(t)
	for port := range all {
		suite, reason := suites[port], noSuite[port]
		switch {
		case suite == "" && reason == "":
			t.Errorf("%s has no contract suite", port)
		case suite != "" && !used[module+"/test/contract/"+suite]:
			t.Errorf("no test runs %s, the suite of %s", suite, port)
		}
	}
	for port := range maps.Keys(suites) {
		if all[port] == "" {
			t.Errorf("%s has a suite, but is no port", port)
		}
	}
	for port := range maps.Keys(noSuite) {
		if all[port] == "" || suites[port] != "" {
			t.Errorf("%s is no port without a suite", port)
		}
	}
}

// unusedMocks are the ports whose mock no test uses, and why that is right.
var unusedMocks = map[string]string{
	"cluster.Nodes":       "what it says changes in the course of a test: application/tasks has a node that dies and comes back",
	"connection.Observer": "an observer is a function: connection.ObserverFunc",
	"connection.Metrics":  "what counts is the difference of both counters at any moment, not the calls",
	"connection.Roster":   "memregistry is at hand, and has its index of audiences",
	"event.Receiver":      "what counts is the order of all records: tests keep them",
	"event.History":       "a history has to go on with its publisher",
	"gateway.Listener":    "calls come at their own time and in any number: tests keep them",
	"task.Handler":        "a handler is a function that waits, reports and ends as a test says",
	"task.Metrics":        "tests count by type and outcome, and compare the sums at the end",
	"version.Source":      "what it says changes in the course of a test, and takes its time",
}

// What no test uses is not known to fit its port.
func TestEveryMockIsUsedOrItsPortSaysWhyNot(t *testing.T) {
	used := map[string]bool{}
	constructor := regexp.MustCompile(`mocks\.NewMock(\w+)\(`)
	for _, p := range list(t) {
		for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range constructor.FindAllStringSubmatch(string(text), -1) {
				used[found[1]] = true
			}
		}
	}
	all := ports(t)
	for port, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		mock := regexp.MustCompile(`// Mock(\w+) is a mock of ` + filepath.Ext(port)[1:] + ` interface\.`).FindSubmatch(text)
		switch {
		case mock == nil: // TestEveryPortHasAMock says so
		case !used[string(mock[1])] && unusedMocks[port] == "":
			t.Errorf("no test uses mocks.NewMock%s, the mock of %s", mock[1], port)
		case used[string(mock[1])] && unusedMocks[port] != "":
			t.Errorf("the mock of %s is used, so the reason why it is not is untrue", port)
		}
	}
	for port := range unusedMocks {
		if all[port] == "" {
			t.Errorf("%s is no port", port)
		}
	}
}
