package catalog

import (
	"reflect"
	"testing"
)

func TestNamespaces_TakeTheWidestLevelOfTheirComponents(t *testing.T) {
	got := Namespaces([]Component{
		{Namespace: "monitoring", PodSecurity: "restricted"}, {Namespace: "apps", PodSecurity: "restricted"},
		{Namespace: "monitoring", PodSecurity: "privileged"}, {Namespace: "monitoring", PodSecurity: "baseline"},
		{Namespace: "kube-system"}, {},
	})
	want := []Namespace{{Name: "apps", PodSecurity: "restricted", Applications: true}, {Name: "monitoring", PodSecurity: "privileged"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
