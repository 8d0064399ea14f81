package plaintest

import (
	"testing"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// Clientset speaks to the bed's API server.
func (b *Bed) Clientset(t testing.TB) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(b.Config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// DynamicClient is the same for kinds that are no part of Kubernetes.
func (b *Bed) DynamicClient(t testing.TB) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(b.Config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
