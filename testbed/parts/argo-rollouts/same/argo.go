// Package same compares hyaction's answers with those of Argo Rollouts' own
// functions, which no part of the product may import: they need k8s.io/kubernetes
// and the replaces of this module.
//
// The product answers by `hyaction canary-gate explain|eval|measure --batch`, so
// the commands that people use are what is compared.
package same

import (
	_ "unsafe" // for go:linkname

	_ "github.com/argoproj/argo-rollouts/analysis"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
)

// assessMetricStatus is the controller's, which does not export it.
//
//go:linkname assessMetricStatus github.com/argoproj/argo-rollouts/analysis.assessMetricStatus
func assessMetricStatus(metric v1alpha1.Metric, result v1alpha1.MetricResult, terminating bool) v1alpha1.AnalysisPhase
