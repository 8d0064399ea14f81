package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// charted is Argo Rollouts through its chart, which the catalog does without: its
// manifests are upstream's own and in the binary, so that no release waits for a
// chart's repository, and no chart has their version yet. The chart's CRDs are those
// of v1.9.0; the controller is the one that the catalog has.
var charted = map[string]string{
	"component.yaml": `name: charted-rollouts
description: Argo Rollouts through its chart
tier: cluster
driver: helm
needs:
  - {name: namespaces, why: its namespace enforces a Pod Security level before the first pod}
budget: {cpu: 50m, memory: 128Mi, limit: 256Mi, disk: 200Mi, basis: "sourced, see argo-rollouts"}
images: [quay.io/argoproj/argo-rollouts:v1.10.1]
timeout: 5m
takes: 30s
proven: {how: ran, by: this test}
namespace: argo-rollouts
pod-security: restricted
settings:
  repository: https://argoproj.github.io/argo-helm
  chart: argo-rollouts
  version: 2.41.0
ready:
  - crd: rollouts.argoproj.io
  - crd: analysisruns.argoproj.io
  - object: {kind: Deployment, name: charted-rollouts}
`,
	"values.yaml": `fullnameOverride: charted-rollouts
keepCRDs: false
controller:
  replicas: 1
  image: {tag: v1.10.1}
  resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 256Mi}}
dashboard: {enabled: false}
notifications: {configmap: {create: false}, secret: {create: false}}
`,
}

// writeCharted puts the component into a catalog of the test's own.
func writeCharted(t *testing.T, catalog string) {
	t.Helper()
	dir := filepath.Join(catalog, "components", "charted-rollouts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range charted {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// stepwise is what a release is made of: half of the pods first, then all.
const stepwise = `apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: stepwise, namespace: apps}
spec:
  replicas: 2
  selector: {matchLabels: {app: stepwise}}
  strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}
  template:
    metadata: {labels: {app: stepwise}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 999, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: app
          image: docker.io/library/redis:7.0.15
          env: [{name: RELEASE, value: "@"}]
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

// released lets the controller bring out a second release: it stops at the pause with
// the first one still there, and ends with the second alone once it is told to go on.
func (p *platform) released(t *testing.T) {
	const path = "/apis/argoproj.io/v1alpha1/namespaces/apps/rollouts/stepwise"
	var r struct {
		Status struct {
			Phase, StableRS, CurrentPodHash   string
			CurrentStepIndex, UpdatedReplicas int
		}
	}
	p.apply(t, strings.ReplaceAll(stepwise, "@", "1"))
	p.get(t, path, &r, func() bool { return r.Status.Phase == "Healthy" })
	first := r.Status.StableRS

	p.apply(t, strings.ReplaceAll(stepwise, "@", "2"))
	p.get(t, path, &r, func() bool {
		return r.Status.Phase == "Paused" && r.Status.CurrentStepIndex == 1 && r.Status.UpdatedReplicas == 1
	})
	if r.Status.StableRS != first || r.Status.CurrentPodHash == first {
		t.Errorf("at the pause %s is stable and %s is new, want %s to be stable still", r.Status.StableRS, r.Status.CurrentPodHash, first)
	}
	p.inCharts(t, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "patch", "rollout", "stepwise", "--namespace", "apps",
		"--subresource", "status", "--type", "merge", "--patch", `{"status": {"pauseConditions": null}}`)
	p.get(t, path, &r, func() bool { return r.Status.Phase == "Healthy" && r.Status.UpdatedReplicas == 2 })
	if r.Status.StableRS == first {
		t.Errorf("%s is stable still", first)
	}
}
