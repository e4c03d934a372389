package docs_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/nats-io/nats-server/v2/server"
)

// clusterSample returns the block of cluster.md in that language which holds part.
func clusterSample(t *testing.T, language, part string) string {
	t.Helper()
	blocks, _ := document{lines: strings.Split(read(t, "cluster.md"), "\n")}.split()
	for _, b := range blocks {
		if b.language == language && strings.Contains(b.text, part) {
			return b.text
		}
	}
	t.Fatalf("cluster.md has no sample in %s with %s", language, part)
	return ""
}

// setting is a row of the tables in configuration.md: the name and the default.
var setting = regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|[^|]*\\| (?:`([^`]*)`)?")

// defaults returns the defaults of all variables, the service's where the gateway
// role has one of that name, too.
func defaults(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, m := range setting.FindAllStringSubmatch(read(t, "configuration.md"), -1) {
		if _, known := all[m[1]]; !known {
			all[m[1]] = m[2]
		}
	}
	return all
}

func seconds(t *testing.T, all map[string]string, name string) int {
	t.Helper()
	d, err := time.ParseDuration(all[name])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return int(d.Seconds())
}

// manifest is what this test looks at in a Kubernetes object.
type manifest struct {
	APIVersion, Kind string
	Metadata         struct{ Name string }
	Spec             struct {
		Selector        struct{ MatchLabels map[string]string }
		MinReadySeconds int
		Template        struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				TerminationGracePeriodSeconds int
				Containers                    []container
			}
		}
	}
}

type container struct {
	Ports []struct{ ContainerPort int }
	Env   []struct {
		Name, Value string
		ValueFrom   any
	}
	Lifecycle struct {
		PreStop struct{ Sleep struct{ Seconds int } }
	}
	ReadinessProbe, LivenessProbe, StartupProbe struct {
		HTTPGet struct {
			Path string
			Port int
		}
	}
}

// manifests decodes the sample for Kubernetes.
func manifests(t *testing.T) (all []manifest) {
	t.Helper()
	for d := yaml.NewDecoder(strings.NewReader(clusterSample(t, "yaml", "kind: Deployment"))); ; {
		var object any
		err := d.Decode(&object)
		if errors.Is(err, io.EOF) {
			return all
		}
		text, _ := json.Marshal(object)
		var m manifest
		if err = errors.Join(err, json.Unmarshal(text, &m)); err != nil {
			t.Fatal(err)
		}
		if m.APIVersion == "" || m.Metadata.Name == "" {
			t.Errorf("an object without apiVersion or name: %+v", m)
		}
		all = append(all, m)
	}
}

func TestTheSampleForKubernetesFitsTheDefaults(t *testing.T) { // T15, G8
	all, known := manifests(t), defaults(t)
	if len(all) != 2 || all[0].Kind != "Deployment" || all[1].Kind != "PodDisruptionBudget" || len(all[0].Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("the sample is %+v", all)
	}
	deployment, pod := all[0].Spec, all[0].Spec.Template.Spec
	c := pod.Containers[0]
	if grace := seconds(t, known, "SHUTDOWN_GRACE_PERIOD") + c.Lifecycle.PreStop.Sleep.Seconds; pod.TerminationGracePeriodSeconds <= grace {
		t.Errorf("terminationGracePeriodSeconds is %d, a shutdown may take %d s", pod.TerminationGracePeriodSeconds, grace)
	}
	if spread := seconds(t, known, "SSE_DRAIN_SPREAD"); deployment.MinReadySeconds <= spread {
		t.Errorf("minReadySeconds is %d, browsers come back within %d s", deployment.MinReadySeconds, spread)
	}
	for _, m := range all {
		if !maps.Equal(m.Spec.Selector.MatchLabels, deployment.Template.Metadata.Labels) {
			t.Errorf("the selector of the %s is %v, the pods have %v", m.Kind, m.Spec.Selector.MatchLabels, deployment.Template.Metadata.Labels)
		}
	}
	for _, e := range c.Env {
		if _, ok := known[e.Name]; !ok || (e.Value == "") == (e.ValueFrom == nil) {
			t.Errorf("the variable %+v does not exist, or has not one value", e)
		}
	}
	for probe, get := range map[string]string{"/readyz": c.ReadinessProbe.HTTPGet.Path, "/healthz": c.LivenessProbe.HTTPGet.Path} {
		if get != probe || c.StartupProbe.HTTPGet.Path != "/healthz" {
			t.Errorf("%s is asked where %s should be", get, probe)
		}
	}
	if _, port, _ := net.SplitHostPort(known["HTTP_ADDR"]); len(c.Ports) != 1 || port != "8080" || c.Ports[0].ContainerPort != 8080 || c.ReadinessProbe.HTTPGet.Port != 8080 {
		t.Errorf("the ports are %+v, the service's is %s", c.Ports, port)
	}
}

func TestTheSampleForTheNATSChartIsYAML(t *testing.T) {
	var values struct {
		Config struct {
			Cluster   struct{ Replicas int }
			JetStream struct{ Enabled bool } `yaml:"jetstream"`
		}
	}
	if err := yaml.Unmarshal([]byte(clusterSample(t, "yaml", "jetstream:")), &values); err != nil {
		t.Fatal(err)
	}
	if values.Config.Cluster.Replicas != 3 || !values.Config.JetStream.Enabled {
		t.Errorf("the sample is %+v", values)
	}
}

func TestTheSampleForNATSIsOneThatItReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(clusterSample(t, "text", "jetstream {")), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !o.JetStream || o.StoreDir == "" || o.ServerName == "" || o.Cluster.Name == "" || len(o.Routes) != 2 {
		t.Errorf("NATS reads %+v", o)
	}
}

func TestTheSampleForSystemdFitsTheDefaults(t *testing.T) { // T15
	text, known := clusterSample(t, "ini", "[Service]"), defaults(t)
	unit := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			unit[key] = value
		}
	}
	limit, err := time.ParseDuration(unit["TimeoutStopSec"] + "s")
	if grace := seconds(t, known, "SHUTDOWN_GRACE_PERIOD"); err != nil || int(limit.Seconds()) <= grace {
		t.Errorf("TimeoutStopSec is %q, a shutdown may take %d s", unit["TimeoutStopSec"], grace)
	}
	for assignment := range strings.FieldsSeq(unit["Environment"]) {
		if name, _, _ := strings.Cut(assignment, "="); !slices.Contains(slices.Collect(maps.Keys(known)), name) {
			t.Errorf("the variable %s does not exist", name)
		}
	}
	verifyUnit(t, strings.Replace(text, unit["ExecStart"], os.Args[0]+" serve", 1))
}

// verifyUnit has systemd read a unit, where there is one.
func verifyUnit(t *testing.T, text string) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("there is no systemd here to read the unit")
		return
	}
	path := filepath.Join(t.TempDir(), "heliograph.service")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", "--recursive-errors=no", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd says: %v\n%s", err, out)
	}
}
