package manifest

import (
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// Who denies applications all traffic also asks for the policy that lets them
// reach the data tier; where nothing is denied, that policy would deny the rest.
func TestObjects_NamespaceOfApplicationsAsksForTheDataTier(t *testing.T) {
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	namespaces, _ := cat.Component("namespaces")
	policies, _ := cat.Component("network-policies")
	for want, components := range map[string][]catalog.Component{"allowed": {namespaces, policies}, "": {namespaces}} {
		env := testEnv(t)
		env.Components = components
		objects, err := Objects(namespaces, env)
		if err != nil || len(objects) != 1 {
			t.Fatalf("%d objects, %v", len(objects), err)
		}
		if got := objects[0].GetLabels()["hyaction.buenhyden.github.io/data-tier"]; objects[0].GetName() != catalog.Applications || got != want {
			t.Errorf("%s has data-tier: %q, want %q", objects[0].GetName(), got, want)
		}
	}
}
