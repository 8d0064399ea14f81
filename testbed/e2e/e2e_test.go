// Package e2e tests the whole of hy-home on a real kind cluster: the demo, a
// second run, the same release through composite actions, and the way down.
//
// It needs the test bed and several minutes for itself, so it runs only with
// HY_E2E=1 in the environment, as `make e2e` sets it.
package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/testbed/internal/host"
)

// TestPlatform runs its parts in order: each one starts from what the one before
// left behind, as a user's day does.
func TestPlatform(t *testing.T) {
	if os.Getenv("HY_E2E") != "1" {
		t.Skip("needs the test bed for itself: run `make e2e`")
	}
	t.Setenv("CGO_ENABLED", "0") // a pod starts the binary without anything around it
	p := &platform{root: checkout(t), out: filepath.Join(t.TempDir(), "demo")}
	var others bystanders
	for i, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"Start_FromWhateverAnEarlierRunLeft", p.clean},
		{"Demo_PromotesTheGoodReleaseAndStopsTheBadOne", p.demo},
		{"SecondRun_ChangesNothing", p.secondRun},
		{"OlderCluster_IsTakenOverByTheCureThatIsNamed", p.olderCluster},
		{"LostCredentials_AreFoundInTheCluster", p.lostCredentials},
		{"Pulls_CrossTheWireOnceForAllNodes", p.pulls},
		{"Pulls_GoToUpstreamWithoutTheCache", p.fallback},
		{"Workflow_WalksTheSameWayThroughActions", p.workflow},
		{"Down_RemovesWhatItMadeAndNothingElse", p.down},
		{"WithoutCluster_TheDataTierStandsAlone", p.dataAlone},
		{"Killed_AtAnyPointTheNextRunMakesItWhole", p.killed},
		{"Faults_EndSoonWithTheirCause", p.faults},
		{"DataTier_RunsSmallAndWithReplicas", p.dataTier},
		{"ExistingCluster_IsUsedAndLeftAsItWas", p.existing},
		{"Charts_RunWithImagesFromSource", p.charts},
	} {
		if !t.Run(part.name, part.run) {
			t.FailNow()
		}
		if i == 0 { // there is an engine from here on
			others.arrive(t, p)
		}
		others.unharmed(t, p)
	}
}

type platform struct {
	root string // the checkout
	out  string // where the demo wrote to
}

// clean takes away what a run that was killed left behind, even with the engine
// gone in between.
func (p *platform) clean(t *testing.T) {
	p.command(t, "go", "run", "./testbed", "up", "engine")
	p.command(t, "go", "run", "./cmd/hyaction", "platform", "down")
}

func (p *platform) demo(t *testing.T) {
	p.command(t, "go", "run", "./testbed/demo", "-out", p.out)
	var r struct {
		Status string
		Steps  []struct{ Name, Status string }
	}
	data, err := os.ReadFile(filepath.Join(p.out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if r.Status != "passed" || len(r.Steps) < 17 {
		t.Errorf("the report says %q with %d steps, want passed with all steps", r.Status, len(r.Steps))
	}
	for _, name := range []string{"report.html", "summary.md"} {
		if text, err := os.ReadFile(filepath.Join(p.out, name)); err != nil || !bytes.Contains(text, []byte("v3 canary-gate")) {
			t.Errorf("%s does not tell of the gate of v3 (%v)", name, err)
		}
	}
}

func (p *platform) secondRun(t *testing.T) {
	out := p.hyaction(t, p.setup(t)...)
	if !strings.Contains(out, "\nchanged=false\n") {
		t.Errorf("a second run changed something:\n%s", out)
	}
}

// olderCluster has no note of its maker: nothing is touched, and the command in
// the message is all that is wanting.
func (p *platform) olderCluster(t *testing.T) {
	for _, node := range strings.Fields(p.command(t, "docker", "ps", "--format", "{{.Names}}", "--filter", "label=io.x-k8s.kind.cluster=hy-home")) {
		p.command(t, "docker", "exec", node, "rm", "-r", "/etc/hyaction")
	}
	a := p.start(t, nil)
	a.fails(t, 2, "there is a kind cluster hy-home")
	cure := regexp.MustCompile(`write the note \((.+)\)`).FindStringSubmatch(a.text())
	if cure == nil {
		t.Fatalf("no cure is named:\n%s", a.text())
	}
	command := strings.Fields(cure[1])
	p.command(t, command[0], command[1:]...)
	p.secondRun(t)
}

// lostCredentials runs once more as if on another machine: other credentials than
// those that the data services know would make these anew.
func (p *platform) lostCredentials(t *testing.T) {
	file := filepath.Join(p.state(t), "secrets.json")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	p.secondRun(t)
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the credentials are not those of before (%v)", err)
	}
}

func (p *platform) down(t *testing.T) {
	p.hyaction(t, "platform", "down")
	p.nothingLeft(t)
	if out := p.hyaction(t, "platform", "down"); strings.Contains(out, "removed") {
		t.Errorf("a second down found something to remove:\n%s", out)
	}
}

// dataAlone has no cluster: there is no kubeconfig to tell of, and nothing asks one.
func (p *platform) dataAlone(t *testing.T) {
	alone := []string{"setup-platform", "--profile", "data", "--registry-mirror", host.Mirror, "--lock-file", p.lock(t), "--components",
		"-postgres -seaweedfs -kafka -schema-registry -kafka-connect -kafka-rest -opensearch -platform-databases -platform-buckets -platform-topics"}
	if out := p.hyaction(t, alone...); !strings.Contains(out, "\nkubeconfig=\n") || !strings.Contains(out, "\nchanged=true\n") || strings.Contains(out, "KUBECONFIG") {
		t.Errorf("the data tier alone:\n%s", out)
	}
	if out := p.hyaction(t, alone...); !strings.Contains(out, "\nchanged=false\n") {
		t.Errorf("a second run changed something:\n%s", out)
	}
	p.hyaction(t, "platform", "status")
	p.down(t)
}

func (p *platform) nothingLeft(t *testing.T) {
	t.Helper()
	left := p.command(t, "docker", "ps", "--all", "--quiet", "--filter", "label=io.github.buenhyden.hyaction.platform=hy-home") +
		p.command(t, "docker", "ps", "--all", "--quiet", "--filter", "label=io.x-k8s.kind.cluster=hy-home") +
		p.command(t, "docker", "network", "ls", "--quiet", "--filter", "name=^infra_net$") +
		p.command(t, "docker", "volume", "ls", "--quiet", "--filter", "label=io.github.buenhyden.hyaction.platform=hy-home")
	if left != "" {
		t.Errorf("these are left behind:\n%s", left)
	}
	if p.command(t, "docker", "ps", "--quiet", "--filter", "name=^hy-registry$") == "" {
		t.Error("the registry of the test bed is gone, though the platform did not make it")
	}
}

// hyaction runs the binary that the demo built, or builds it where one part of
// the test runs alone, and returns all it printed.
func (p *platform) hyaction(t *testing.T, args ...string) string {
	t.Helper()
	bin := filepath.Join(p.out, "bin", "hyaction")
	if _, err := os.Stat(bin); err != nil {
		p.command(t, "go", "build", "-o", bin, "./cmd/hyaction")
	}
	return p.command(t, bin, args...)
}

// command runs a program in the checkout and fails the test if it fails.
func (p *platform) command(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = p.root
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", c, err, out)
	}
	return string(out)
}

// checkout is the root of the module: two levels above this package.
func checkout(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
