package helm

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/testbed/plain"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// Everything that platforms bring to a cluster is judged by a real API server, in
// the order in which it would come. Of what is not needed by what follows it is
// only asked whether it would be accepted: no controller runs that could act on it.
//
// What operators and webhooks make of it is not seen here: Istio's replacing the
// image of its gateway, the pods of Prometheus. What Kyverno says of its policies is
// asked in tools/kyverno.
func TestBed_AllThatThePlatformBringsIsAccepted(t *testing.T) {
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	charts := chartsOf(t, cat)
	plaintest.Start(t) // skips where no bed can be
	j := newJudge(t, ownBed(t))
	t.Run("faults", func(t *testing.T) { faulty(t, j) })
	j.objects, j.pods = 0, 0
	met := map[string]bool{}
	for _, p := range []struct {
		profile string
		choice  catalog.Choice
		data    string
	}{
		{profile: "testbed"}, // the smallest first: what one brings, the next ones have
		{profile: "observability"},
		{profile: "full-ha"},
		{profile: "full", choice: catalog.Choice{Add: inNoProfile(cat)}, data: plan.External},
	} {
		t.Run(p.profile, func(t *testing.T) {
			chosen, err := cat.Choose(p.profile, p.choice)
			if err != nil {
				t.Fatal(err)
			}
			target := plan.Target{Profile: p.profile, Data: p.data}
			if p.data == plan.External {
				target.Managed, _ = elsewhere(t, cat)
			}
			of, err := plan.New(chosen, target, plan.Machine{})
			if err != nil {
				t.Fatal(err)
			}
			env := envOf(t, of, j.bed.Kubeconfig)
			env.ChartDir = charts
			j.platform(of)
			for _, c := range of.Components {
				met[c.Name+" "+cmp.Or(c.Size, catalog.Slim)] = true
				for _, fault := range j.component(t, c, env) {
					t.Errorf("component %s: %s", c.Name, fault)
				}
			}
			t.Logf("so far %d objects were judged, and %d pods that would be made of them", j.objects, j.pods)
		})
	}
	for _, c := range cat.Components {
		for _, size := range c.Sizes() {
			if slices.Contains([]string{"helm", "manifest", "endpoints", "credentials"}, c.Driver) && !met[c.Name+" "+size] {
				t.Errorf("component %s was not judged at size %s: no platform of this test has it", c.Name, size)
			}
		}
	}
}

// inNoProfile are the components that only a user's choice brings to a cluster.
func inNoProfile(cat catalog.Catalog) (names []string) {
	for _, c := range cat.Components {
		if (c.Driver == "helm" || c.Driver == "manifest") && !slices.ContainsFunc(cat.Profiles, func(p catalog.Profile) bool { return slices.Contains(p.Components, c.Name) }) {
			names = append(names, c.Name)
		}
	}
	return names
}

// chartsOf is a directory with all charts of the catalog.
func chartsOf(t *testing.T, cat catalog.Catalog) string {
	t.Helper()
	all := t.TempDir()
	for _, c := range cat.Components {
		want, remote, err := lock.RemoteChart(c)
		if err != nil {
			t.Fatal(err)
		}
		if !remote {
			continue
		}
		archive := want.Name + "-" + want.Version + ".tgz"
		from, err := filepath.Abs(filepath.Join(directoryOf(t, chartDirectory(t), want), archive))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, filepath.Join(all, archive)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// ownBed is a bed in which no other test meets the platform's namespaces and kinds.
func ownBed(t *testing.T) *plain.Bed {
	t.Helper()
	bed, err := plain.Up(t.Context(), plain.Options{
		Dir: filepath.Join(t.TempDir(), "bed"), BinDir: plaintest.BinDir(), Nodes: 1, Tied: true, Timeout: plaintest.Patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bed.Down() })
	return bed
}
