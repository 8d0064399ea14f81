package portforward

import (
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// ready lists the pods that are ready to serve the port. EndpointSlices know
// them with the number of the port in each, even where a pod has it by name.
func (s *Service) ready(ctx context.Context) ([]place, error) {
	client, err := kubernetes.NewForConfig(s.config)
	if err != nil {
		return nil, err
	}
	port := s.port // a name, unless the Service says which name a number has
	if number, err := strconv.Atoi(s.port); err == nil {
		service, err := client.CoreV1().Services(s.namespace).Get(ctx, s.name, metav1.GetOptions{})
		if err != nil {
			return nil, permission(err, "get on services", s.namespace)
		}
		if port, err = nameOf(service, int32(number)); err != nil {
			return nil, err
		}
	}
	slices, err := client.DiscoveryV1().EndpointSlices(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + s.name})
	if err != nil {
		return nil, permission(err, "list on endpointslices.discovery.k8s.io", s.namespace)
	}
	places := placesOf(slices.Items, port)
	if len(places) == 0 {
		return nil, fmt.Errorf("no pod behind it is ready at port %s", s.port)
	}
	return places, nil
}

func permission(err error, grant, namespace string) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("no permission: grant %s in namespace %s (%w)", grant, namespace, err)
	}
	return err
}

// nameOf is the name of a Service's port, which is empty for an only one.
func nameOf(service *corev1.Service, number int32) (string, error) {
	for _, p := range service.Spec.Ports {
		if p.Port == number {
			return p.Name, nil
		}
	}
	return "", fmt.Errorf("it has no port %d", number)
}

// placesOf finds the ready pods with the port of that name.
func placesOf(slices []discoveryv1.EndpointSlice, port string) []place {
	var out []place
	for _, slice := range slices {
		for _, p := range slice.Ports {
			if p.Port == nil || (p.Name != nil && *p.Name != port) || (p.Name == nil && port != "") {
				continue
			}
			for _, e := range slice.Endpoints {
				// Unknown counts as ready, as the API has it.
				if ready := e.Conditions.Ready == nil || *e.Conditions.Ready; ready && e.TargetRef != nil && e.TargetRef.Kind == "Pod" {
					out = append(out, place{e.TargetRef.Name, *p.Port})
				}
			}
		}
	}
	return out
}
