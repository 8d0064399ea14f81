package portforward

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

func TestPlaces(t *testing.T) {
	yes, no, web, reloader, number := true, false, "http-web", "reloader-web", int32(9090)
	pod := func(name string, ready *bool) discoveryv1.Endpoint {
		return discoveryv1.Endpoint{Conditions: discoveryv1.EndpointConditions{Ready: ready}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: name}}
	}
	port := func(name *string) []discoveryv1.EndpointPort {
		return []discoveryv1.EndpointPort{{Name: name, Port: &number}}
	}
	endpoints := []discoveryv1.Endpoint{pod("a", &no), pod("b", &yes), pod("c", nil), {Conditions: discoveryv1.EndpointConditions{Ready: &yes}}}
	for _, c := range []struct {
		name  string
		ports []discoveryv1.EndpointPort
		port  string
		want  []place
	}{
		{"ready or unknown, and a pod", port(&web), web, []place{{"b", 9090}, {"c", 9090}}},
		{"another port", port(&reloader), web, nil},
		{"the only port", port(nil), "", []place{{"b", 9090}, {"c", 9090}}},
		{"a port of another name", port(nil), web, nil},
		{"every port, which is none", []discoveryv1.EndpointPort{{Name: &web}}, web, nil},
	} {
		if got := placesOf([]discoveryv1.EndpointSlice{{Endpoints: endpoints, Ports: c.ports}}, c.port); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	service := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: web, Port: 80}, {Name: reloader, Port: 81}}}}
	if got, err := nameOf(service, 80); got != web || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := nameOf(service, 82); err == nil {
		t.Error("a port that it does not have")
	}
}
