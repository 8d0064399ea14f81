package helm

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
)

// nodes of a cluster as the component kind makes it.
const nodes = 3

// A budget covers what the chart's pods ask for and are given at most, at every size:
// what operators make of resources of their own comes on top.
func TestCharts_BudgetsCoverWhatPodsAskFor(t *testing.T) {
	eachChart(t, func(t *testing.T, c catalog.Component, env hyengine.Env) {
		objects, _ := rendered(t, c, env, kubeVersions[0])
		var asked catalog.Budget
		for _, o := range objects {
			count := int64(1)
			if replicas, ok, _ := unstructured.NestedInt64(o.Object, "spec", "replicas"); ok {
				count = replicas
			}
			if o.GetKind() == "DaemonSet" {
				count = nodes
			}
			for _, pod := range pods(t, []*unstructured.Unstructured{o}) {
				for _, container := range pod.Spec.Containers {
					asked.CPU += catalog.MilliCPU(count * container.Resources.Requests.Cpu().MilliValue())
					asked.Memory += catalog.Bytes(count * container.Resources.Requests.Memory().Value())
					asked.Limit += catalog.Bytes(count * container.Resources.Limits.Memory().Value())
					if container.Resources.Limits.Memory().IsZero() {
						t.Errorf("%s: container %s has no limit of memory: it could take all of the machine's", apply.Describe(o), container.Name)
					}
				}
			}
		}
		operators := slices.ContainsFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "Prometheus" })
		if c.Budget.Limit != asked.Limit && (!operators || c.Budget.Limit < asked.Limit) {
			t.Errorf("budget.limit is %s, its pods are given %s at most", c.Budget.Limit, asked.Limit)
		}
		if c.Budget.CPU < asked.CPU || c.Budget.Memory < asked.Memory {
			t.Errorf("its budget is %s processors and %s, its pods ask for %s and %s", c.Budget.CPU, c.Budget.Memory, asked.CPU, asked.Memory)
		}
	})
}
