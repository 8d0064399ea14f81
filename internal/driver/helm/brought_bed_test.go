package helm

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

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
)

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
	case "bridge", "cache", "cluster", "compose", "external", "network", "provision", "registry":
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
