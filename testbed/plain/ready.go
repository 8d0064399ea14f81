package plain

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"golang.org/x/sync/errgroup"
)

//go:embed stages.yaml
var stages []byte

var (
	crdResource            = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	nodeResource           = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	podResource            = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	serviceAccountResource = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
)

// client asks a bed whether it works.
type client struct {
	bed  *Bed
	dyn  dynamic.Interface
	http *http.Client // with the user's token, for the API server only
}

func newClient(b *Bed) (*client, error) {
	cfg, err := b.Config()
	if err != nil {
		return nil, err
	}
	cfg.Timeout = 10 * time.Second
	hc, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, err
	}
	dyn, err := dynamic.NewForConfigAndClient(cfg, hc)
	if err != nil {
		return nil, err
	}
	return &client{bed: b, dyn: dyn, http: hc}, nil
}

// ready tells whether an opened bed works, within half a minute: one that is busy with
// others is no reason to start a second.
func (b *Bed) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, proc := range b.procs.list {
		if !proc.alive() {
			return fmt.Errorf("%s has ended", proc.Name)
		}
	}
	c, err := newClient(b)
	if err != nil {
		return err
	}
	return c.ready(ctx)
}

// ready waits until the bed does its work; urls are further ones that must answer 200.
func (c *client) ready(ctx context.Context, urls ...string) error {
	g, ctx := errgroup.WithContext(ctx)
	wait := func(what string, probe func(context.Context) error) {
		g.Go(func() error { return await(ctx, what, probe) })
	}
	wait("the API server's /readyz", c.get("/readyz"))
	wait("Prometheus", getURL(http.DefaultClient, c.bed.Prometheus+"/-/ready"))
	for _, url := range urls {
		wait(url, getURL(http.DefaultClient, url))
	}
	wait("the default service account", func(ctx context.Context) error {
		_, err := c.dyn.Resource(serviceAccountResource).Namespace("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	wait("the CRDs of Argo Rollouts", c.crdsServe)
	wait("the simulated nodes", c.nodesReady)
	g.Go(func() error { return c.podRuns(ctx) })
	return g.Wait()
}

// get asks for a path of the API server.
func (c *client) get(path string) func(context.Context) error {
	return getURL(c.http, c.bed.APIServer+path)
}

func getURL(hc *http.Client, url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := hc.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(res.Body, 512))
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s: %s", url, res.Status, body)
		}
		return nil
	}
}

// createCRDs creates them all at once and waits until they serve.
func (c *client) createCRDs(ctx context.Context, crds []*unstructured.Unstructured) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, crd := range crds {
		g.Go(func() error {
			_, err := c.dyn.Resource(crdResource).Create(gctx, crd, metav1.CreateOptions{})
			if err != nil {
				return fmt.Errorf("create CRD %s: %w", crd.GetName(), err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return await(ctx, "the CRDs of Argo Rollouts", c.crdsServe)
}

func (c *client) crdsServe(ctx context.Context) error {
	// One resource of the five CRDs by its own URL: a CRD is Established some
	// time before its handler is there.
	for _, kind := range []string{"rollouts", "analysisruns", "analysistemplates", "clusteranalysistemplates", "experiments"} {
		crd, err := c.dyn.Resource(crdResource).Get(ctx, kind+".argoproj.io", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if !hasCondition(crd, "Established") {
			return fmt.Errorf("%s is not Established", crd.GetName())
		}
		resource := schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: kind}
		if _, err := c.dyn.Resource(resource).List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
			return fmt.Errorf("list %s: %w", kind, err)
		}
	}
	return nil
}

func (c *client) createNodes(ctx context.Context, n int) error {
	for i := range n {
		name := fmt.Sprintf("node-%d", i)
		node := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Node",
			"metadata": map[string]any{"name": name, "labels": map[string]any{
				"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
			}},
		}}
		if _, err := c.dyn.Resource(nodeResource).Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create node %s: %w", name, err)
		}
	}
	return nil
}

func (c *client) nodesReady(ctx context.Context) error {
	nodes, err := c.dyn.Resource(nodeResource).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if len(nodes.Items) == 0 {
		return errors.New("there is none")
	}
	for _, node := range nodes.Items {
		if !hasCondition(&node, "Ready") {
			return fmt.Errorf("%s is not Ready", node.GetName())
		}
	}
	return nil
}

// podRuns proves admission, scheduler and kwok together by a pod.
func (c *client) podRuns(ctx context.Context) error {
	pods := c.dyn.Resource(podResource).Namespace("default")
	pod := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"generateName": "proof-"},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "proof", "image": "none"}}},
	}}
	var name string
	// Refused until the service account exists.
	if err := await(ctx, "a pod to be admitted", func(ctx context.Context) error {
		created, err := pods.Create(ctx, pod, metav1.CreateOptions{})
		if err == nil {
			name = created.GetName()
		}
		return err
	}); err != nil {
		return err
	}
	if err := await(ctx, "a pod to become Ready", func(ctx context.Context) error {
		got, err := pods.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if !hasCondition(got, "Ready") {
			node, _, _ := unstructured.NestedString(got.Object, "spec", "nodeName")
			return fmt.Errorf("it is not (node: %q)", node)
		}
		return nil
	}); err != nil {
		return err
	}
	now := int64(0)
	err := pods.Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// hasCondition reports whether a condition of the object's status is "True".
func hasCondition(obj *unstructured.Unstructured, kind string) bool {
	conditions, _, _ := unstructured.NestedSlice(obj.Object, "status", "conditions")
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == kind {
			return m["status"] == "True"
		}
	}
	return false
}
