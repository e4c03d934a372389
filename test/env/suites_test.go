package env_test

import (
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Why a suite does not run in each environment.
const (
	noGateway = "the port is the broker's or the node's: its adapter is the same object with either gateway"
	noAuth    = "AUTH changes nothing in what the port is wired from: principals come in with the calls"
	oneGraph  = noGateway + "; " + noAuth
)

// suites are all contract suites by name, with the environments in which each runs. why
// says what the others could not change.
var suites = map[string]struct {
	in  []environment
	why string
}{
	// Access.
	"accessservicecontract": {authenticated(withEmbedded), noGateway + "; with AUTH=none nobody has a credential"},
	"authenticatorcontract": {authenticated(withEmbedded), noGateway + "; with AUTH=none nobody asks it"},
	"policycontract":        {[]environment{embedded, embedded.authenticated()}, "AUTH alone chooses the policy, which keeps nothing"},
	"revocationscontract":   {slices.Concat(withEmbedded, authenticated(withEmbedded)), noGateway},
	"tasktokenscontract":    {authenticated(withEmbedded), noGateway + "; with AUTH=none nobody is asked for one"},
	"ticketscontract":       {authenticated(withEmbedded), noGateway + "; with AUTH=none nobody is asked for one"},

	// Streams, and what they are fed from.
	"backendcontract":           {nil, "the port is the gateway role's, which has no broker and no AUTH: TestBackend runs it there"},
	"connectionmanagercontract": {all(), ""},
	"credentialscontract":       {all(), ""},
	"controlcontract":           {slices.Concat(oneNode, withCluster), noAuth},
	"historycontract":           {slices.Concat(lasting, []environment{external}), "with the embedded gateway and the memory broker the gateway's log is the history; " + noAuth},
	"logcontract":               {both(), noAuth},
	"metricscontract":           {both(), noAuth},
	"orphanscontract":           {withCluster, "a node that is alone adopts nothing; " + noAuth},
	"publishercontract":         {both(), noAuth},
	"registrycontract":          {both(), noAuth},
	"sendercontract":            {all(), ""},

	// Events of the application's own.
	"appeventservicecontract": {both(), noAuth},
	"receiptscontract":        {withEmbedded, oneGraph},

	// Tasks.
	"taskhandlercontract": {withEmbedded, oneGraph},
	"taskreadercontract":  {both(), noAuth},
	"taskservicecontract": {both(), noAuth},
	"taskstorecontract":   {withEmbedded, oneGraph},
	"taskworkerscontract": {both(), noAuth},
	"outputcontract":      {withEmbedded, oneGraph},

	// Versions and nodes.
	"nodescontract":          {slices.Concat(oneNode, withCluster), noAuth},
	"questionscontract":      {slices.Concat(oneNode, withCluster), noAuth},
	"versionboardcontract":   {withEmbedded, oneGraph},
	"versionpendingcontract": {withEmbedded, oneGraph},
	"versionservicecontract": {both(), noAuth},
	"versionsourcecontract":  {[]environment{embedded}, "a source is chosen by its own variables, and knows of no gateway, broker or AUTH"},
}

// both are the environments with AUTH=none.
func both() []environment { return slices.Concat(withEmbedded, withExternal) }

// all are both, and the same with AUTH=required.
func all() []environment { return slices.Concat(both(), authenticated(both())) }

func (e environment) authenticated() environment {
	environ := maps.Clone(e.environ)
	maps.Copy(environ, map[string]string{"AUTH": "required", "AUTH_JWT_KEY": jwtSecret})
	return environment{e.name + ", AUTH=required", environ}
}

// required reports whether authentication is on.
func (e environment) required() bool { return e.environ["AUTH"] == "required" }

func authenticated(environments []environment) (with []environment) {
	for _, e := range environments {
		with = append(with, e.authenticated())
	}
	return with
}

// runSuite runs a test in the environments of a suite.
func runSuite(t *testing.T, name string, test func(t *testing.T, e environment)) {
	t.Helper()
	in(t, suites[name].in, test)
}

func TestEverySuiteRunsHereOrSaysWhyNot(t *testing.T) {
	entries, err := os.ReadDir("../contract")
	if err != nil {
		t.Fatal(err)
	}
	used := usedSuites(t)
	left := maps.Clone(suites)
	for _, e := range entries {
		s, known := suites[e.Name()]
		delete(left, e.Name())
		switch {
		case !known:
			t.Errorf("%s is not in suites", e.Name())
		case !used[e.Name()]:
			t.Errorf("no test here runs %s", e.Name())
		case (len(s.in) == len(all())) == (s.why != ""):
			t.Errorf("%s runs in %d of %d environments, because %q", e.Name(), len(s.in), len(all()), s.why)
		}
	}
	for name := range left {
		t.Errorf("%s is no suite", name)
	}
}

// usedSuites returns the suites that the tests of this package import.
func usedSuites(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if name, ok := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), "heliograph/test/contract/"); ok {
				used[name] = true
			}
		}
	}
	return used
}
