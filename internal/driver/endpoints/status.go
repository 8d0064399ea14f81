package endpoints

import (
	"context"
	"fmt"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// Status compares the cluster with the inventory, what is published with where
// the containers are now, and looks for the zone.
func (d Driver) Status(ctx context.Context, c catalog.Component, env engine.Env) (string, error) {
	cl, err := connect(c, env)
	if err != nil {
		return "", err
	}
	exposed := bridge.Exposed(env.Components)
	held, missing, err := cl.objects.Missing(ctx, cl.inventory)
	switch {
	case err != nil:
		return "", err
	case held == 0 && !slices.ContainsFunc(exposed, func(e catalog.Endpoint) bool { return !e.External || !e.Clustered }):
		return "ready", nil // there is nothing to publish
	case held == 0, held == len(missing):
		return "absent", nil
	case len(missing) > 0:
		return fmt.Sprintf("%d of %d objects are missing: %s", len(missing), held, missing[0]), nil
	}
	s, _, err := settings(c, env)
	if err != nil {
		return "", err
	}
	if fault, err := d.moved(ctx, cl, c.Namespace, s, env, exposed); fault != "" || err != nil {
		return fault, err
	}
	if joined(env.Components) {
		served, err := cl.zone(s, env).served(ctx)
		if err != nil {
			return "", err
		}
		if !served {
			return fmt.Sprintf("the cluster's DNS does not serve the zone %s", s.Zone), nil
		}
	}
	return "ready", nil
}

// moved tells of the first Service that leads to where its container is no longer,
// as after somebody made that anew.
func (d Driver) moved(ctx context.Context, cl cluster, namespace string, s Settings, env engine.Env, exposed []catalog.Endpoint) (string, error) {
	at, err := d.addresses(ctx, s, env, exposed)
	if err != nil {
		return "", err
	}
	objs, err := bridge.Services(namespace, exposed, at)
	if err != nil {
		return err.Error(), nil //nolint:nilerr // a container that is gone is the answer
	}
	for _, obj := range objs {
		if obj.GetKind() != "EndpointSlice" {
			continue
		}
		var want discoveryv1.EndpointSlice
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, &want); err != nil {
			return "", fmt.Errorf("endpoint slice %s: %w", obj.GetName(), err)
		}
		have, err := cl.client.DiscoveryV1().EndpointSlices(namespace).Get(ctx, want.Name, metav1.GetOptions{})
		if err != nil {
			return "", fmt.Errorf("read endpoint slice %s/%s: %w", namespace, want.Name, err)
		}
		if a, b := addressesOf(*have), addressesOf(want); a != b {
			return fmt.Sprintf("Service %s leads to %s, and the data tier is at %s", want.Name, a, b), nil
		}
	}
	return "", nil
}

func addressesOf(s discoveryv1.EndpointSlice) string {
	var all []string
	for _, e := range s.Endpoints {
		all = append(all, e.Addresses...)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
