package helm

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
)

// nodes of a cluster as the component kind makes it.
const nodes = 3

// A budget covers what the chart's pods ask for, at every size: what operators make
// of resources of their own comes on top.
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
				}
			}
		}
		if c.Budget.CPU < asked.CPU || c.Budget.Memory < asked.Memory {
			t.Errorf("its budget is %s processors and %s, its pods ask for %s and %s", c.Budget.CPU, c.Budget.Memory, asked.CPU, asked.Memory)
		}
	})
}
