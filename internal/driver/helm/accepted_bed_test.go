package helm

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/credential"
	"github.com/buenhyden/hy-home/internal/driver/manifest"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
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
// image of its gateway, the pods of Prometheus, what Kyverno says of a policy.
func TestBed_AllThatThePlatformBringsIsAccepted(t *testing.T) {
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	charts := chartsOf(t, cat)
	plaintest.Start(t) // skips where no bed can be
	j := newJudge(t, ownBed(t))
	t.Run("faults", func(t *testing.T) { faulty(t, j) })
	met := map[string]bool{}
	for _, p := range []struct {
		profile string
		choice  catalog.Choice
	}{
		{profile: "testbed"}, // the smallest first: what one brings, the next ones have
		{profile: "observability"},
		{profile: "full-ha"},
		{profile: "full", choice: catalog.Choice{Add: inNoProfile(cat)}},
	} {
		t.Run(p.profile, func(t *testing.T) {
			chosen, err := cat.Choose(p.profile, p.choice)
			if err != nil {
				t.Fatal(err)
			}
			of, err := plan.New(chosen, plan.Target{Profile: p.profile}, plan.Machine{})
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
		Dir: filepath.Join(t.TempDir(), "bed"), BinDir: plaintest.BinDir(), Nodes: 1, Tied: true, Timeout: 3 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bed.Down() })
	return bed
}

// envOf is what drivers are told of a platform.
func envOf(t *testing.T, p plan.Plan, kubeconfig string) hyengine.Env {
	t.Helper()
	pinned, err := lock.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	env := hyengine.Env{
		Name: "hy-home", StateDir: t.TempDir(), Kubeconfig: kubeconfig, Lock: pinned, Values: sample, Components: p.Components,
		Secrets: map[string]string{}, Progress: func(string) {}, Log: slog.New(slog.DiscardHandler),
	}
	for _, name := range p.Secrets() {
		env.Secrets[name] = "made-up-" + name
	}
	return env
}

// applied is what a component's driver itself applies, which is not what Helm creates.
func applied(t *testing.T, c catalog.Component, env hyengine.Env) (objects []*unstructured.Unstructured) {
	t.Helper()
	var err error
	switch c.Driver {
	case "helm":
		ch, _, _, loadErr := load(t.Context(), c, env)
		if loadErr != nil {
			t.Fatal(loadErr)
		}
		objects, err = credential.Objects(c, env.Secrets)
		for _, crd := range ch.CRDObjects() {
			objects = append(objects, decoded(t, string(crd.File.Data), crd.Filename)...)
		}
	case "manifest":
		if objects, err = manifest.Objects(c, env); err == nil {
			var secrets []*unstructured.Unstructured
			secrets, err = credential.Objects(c, env.Secrets)
			objects = append(objects, secrets...)
		}
	case "endpoints":
		exposed, at := bridge.Exposed(env.Components), map[string][]netip.Addr{}
		address := netip.MustParseAddr("172.19.128.1")
		for _, e := range exposed {
			for _, host := range e.Hosts {
				at[host] = []netip.Addr{address}
				address = address.Next()
			}
		}
		objects, err = bridge.Services(c.Namespace, exposed, at)
		objects = append(objects, bridge.Policies([]string{catalog.Applications}, netip.MustParsePrefix(sample["infra-net-subnet"]), exposed)...)
	case "credentials":
		objects = credential.Store(env.Name, env.Secrets)
	case "bridge", "cache", "cluster", "compose", "network", "provision", "registry":
		// They bring nothing to the cluster.
	case "proof":
		// Its pod lives as long as a run: that runs judge it.
	default:
		t.Fatalf("component %s: what driver %s brings to a cluster is not known here", c.Name, c.Driver)
	}
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// released is what Helm would create now, with the kinds that the API server serves
// by now: the chart's hooks, then its objects.
func released(t *testing.T, cfg *action.Configuration, c catalog.Component, env hyengine.Env) ([]*unstructured.Unstructured, error) {
	t.Helper()
	ch, values, _, err := load(t.Context(), c, env)
	if err != nil {
		t.Fatal(err)
	}
	i := action.NewInstall(cfg)
	if i.ReleaseName, err = releaseName(c); err != nil {
		t.Fatal(err)
	}
	i.Namespace, i.PostRenderer, i.SkipCRDs = c.Namespace, pins{env.Lock}, true
	i.DryRun, i.DryRunOption = true, "server"
	i.TakeOwnership = true // of definitions that are there from the platform before
	made, err := i.RunWithContext(t.Context(), ch, values)
	if err != nil {
		return nil, fmt.Errorf("helm: %w", err)
	}
	var objects []*unstructured.Unstructured
	for _, h := range made.Hooks {
		if !slices.Contains(h.Events, release.HookTest) {
			objects = append(objects, decoded(t, h.Manifest, h.Path)...)
		}
	}
	return append(objects, decoded(t, made.Manifest, c.Name)...), nil
}

func decoded(t *testing.T, text, source string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := apply.Decode(strings.NewReader(text), source)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// What the judge is for, each fault by itself.
func faulty(t *testing.T, j *judge) {
	j.platform(plan.Plan{Components: []catalog.Component{{Name: "a", Namespace: "judged", PodSecurity: "restricted"}}})
	const namespaces = "{apiVersion: v1, kind: Namespace, metadata: {name: judged, labels: {pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}}}"
	judged := func(name, text string) string {
		c := catalog.Component{Name: name, Driver: "manifest", Namespace: "judged", Files: fstest.MapFS{"manifests/a.yaml": {Data: []byte(text)}}}
		return strings.Join(j.component(t, c, envOf(t, plan.Plan{}, j.bed.Kubeconfig)), "\n")
	}
	if got := judged("namespaces", namespaces); got != "" {
		t.Fatal(got)
	}
	workload := func(kind, more, pod string) string {
		return fmt.Sprintf(`{apiVersion: apps/v1, kind: %s, metadata: {name: a}, spec: {%s selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {
			securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}},
			containers: [{name: a, image: "b:1", securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}], %s}}}}`, kind, more, pod)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"nothing wrong":    {workload("Deployment", "", ""), ""},
		"unknown field":    {"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, dat: {a: b}}", `.dat: field not declared in schema`},
		"unknown kind":     {"{apiVersion: example.com/v1, kind: Pool, metadata: {name: a}}", "nobody before it brings the kind Pool.example.com"},
		"kind of the bed":  {"{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: a}}", "nobody before it brings the kind Rollout.argoproj.io"},
		"deprecated":       {"{apiVersion: v1, kind: Endpoints, metadata: {name: a}}", "warning: v1 Endpoints is deprecated"},
		"invalid":          {workload("Deployment", "replicas: -1,", ""), "spec.replicas: Invalid value"},
		"level":            {workload("Deployment", "", "hostNetwork: true"), "its pod: pods \"judged\" is forbidden: violates PodSecurity"},
		"level, foretold":  {workload("Deployment", "", "hostPID: true"), "warning: would violate PodSecurity"},
		"account":          {workload("Deployment", "", "serviceAccountName: nobody"), "service account judged/nobody"},
		"claim":            {workload("StatefulSet", `serviceName: a, volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: "0"}}}}],`, ""), "its claim: "},
		"pod in a text":    {`{apiVersion: v1, kind: ConfigMap, metadata: {name: p}, data: {pod: '{apiVersion: v1, kind: Pod, spec: {hostNetwork: true, containers: [{name: a, image: "b:1"}]}}'}}`, "the pod in it: "},
		"wrong definition": {"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a}, spec: {}}", "customresourcedefinition a"},
	} {
		if got := judged(name, tt.text); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
