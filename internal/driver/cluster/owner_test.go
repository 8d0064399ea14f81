package cluster

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
)

// A cluster of somebody else's that has the platform's name is none of ours.
func TestSigned_ByTheNodesThemselves(t *testing.T) {
	api := &containers{files: map[string]map[string]string{}}
	nodes := []string{"lab-control-plane", "lab-worker"}
	says := func(platform string, want bool) {
		t.Helper()
		if got, err := signed(t.Context(), api, platform, nodes); err != nil || got != want {
			t.Errorf("signed by %s: %v (%v), want %v", platform, got, err, want)
		}
	}
	says("lab", false)
	if _, err := configureRegistries(t.Context(), api, nodes, hosts(Settings{Registry: "http://hy-registry:5000"}, nil)); err != nil {
		t.Fatal(err)
	}
	says("lab", false)
	api.wrote = 0
	registries := hosts(Settings{Registry: "http://hy-registry:5001"}, nil)
	if err := furnish(t.Context(), api, "lab", nodes, registries); err != nil {
		t.Fatal(err)
	}
	says("lab", true)
	if changed, err := configureRegistries(t.Context(), api, nodes, registries); changed || err != nil || api.wrote != len(nodes) {
		t.Errorf("the registries' files were written again: %t, %v, %d", changed, err, api.wrote)
	}
	says("la", false)
	delete(api.files, "lab-control-plane") // made anew by hand: it is still that cluster
	says("lab", true)
}

func TestStranger_IsBadInputWithACure(t *testing.T) {
	err := exit.BadInputf("%w", &strangerError{"lab", "lab-control-plane"})
	for _, cure := range []string{"(kind delete cluster --name lab)", "(docker exec lab-control-plane install -D /dev/null " + ownerDir + "/lab)"} {
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), cure) {
			t.Errorf("got %v, want %s", err, cure)
		}
	}
}
