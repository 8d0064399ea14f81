package parts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/run"
)

const root = "../../.."

func TestParts_AreThereAndHaveKeys(t *testing.T) {
	seen := map[string]string{}
	for _, p := range All() {
		a, err := p.Artifact(run.Exec{}, root)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[a.Key()]; ok {
			t.Errorf("%s and %s have one key", p.Name, other)
		}
		seen[a.Key()] = p.Name
		for _, program := range p.Programs {
			if dir, ok := strings.CutPrefix(program.Package, "."); ok {
				if _, err := os.Stat(filepath.Join(root, "testbed/parts", p.Name, dir, "main.go")); err != nil {
					t.Errorf("part %s: %v", p.Name, err)
				}
			}
		}
	}
}

// What the programs say of themselves must be what they are: kubeadm refuses a
// cluster of another version.
func TestKubernetesVersion_IsThatOfTheModule(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "testbed/parts/kubernetes/go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "k8s.io/kubernetes "+KubernetesVersion+"\n") {
		t.Errorf("testbed/parts/kubernetes/go.mod does not require k8s.io/kubernetes %s", KubernetesVersion)
	}
}

func TestLDFlags_SetVersionOnlyForKubernetes(t *testing.T) {
	if got := (Part{}).ldflags(); got != "-s -w" {
		t.Errorf("ldflags = %q", got)
	}
	got := Part{Version: "v1.34.4"}.ldflags()
	for _, want := range []string{"version.gitVersion=v1.34.4", "version.gitMajor=1", "version.gitMinor=34"} {
		if !strings.Contains(got, want) {
			t.Errorf("ldflags = %q, want %s in it", got, want)
		}
	}
}
