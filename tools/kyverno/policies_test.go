package kyverno

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	"github.com/kyverno/kyverno/pkg/cel/libs"
	"github.com/kyverno/kyverno/pkg/cel/matching"
	"github.com/kyverno/kyverno/pkg/cel/policies/vpol"
	"github.com/kyverno/kyverno/pkg/cel/policies/vpol/compiler"
	"github.com/kyverno/kyverno/pkg/cel/policies/vpol/engine"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

const internal = "../../internal"

func component(file string) string { return filepath.Join(internal, "catalog", "components", file) }

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// policies reads the ValidatingPolicies of a file, with no field that Kyverno does
// not know.
func policies(t *testing.T, file string) (all []v1beta1.ValidatingPolicyLike) {
	t.Helper()
	for _, text := range bytes.Split(read(t, file), []byte("\n---\n")) {
		policy := &v1beta1.ValidatingPolicy{}
		if err := yaml.UnmarshalStrict(text, policy); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, policy)
	}
	return all
}

// kyverno is its admission controller without a cluster: it answers as the handler
// of its webhook does.
type kyverno struct{ engine engine.Engine }

func newKyverno(t *testing.T) kyverno {
	t.Helper()
	provider, err := engine.NewProvider(compiler.NewCompiler(), policies(t, component("kyverno-policies/manifests/policies.yaml")), nil)
	if err != nil {
		t.Fatal(err)
	}
	namespaces := map[string]*corev1.Namespace{
		"apps":       {ObjectMeta: metav1.ObjectMeta{Name: "apps", Labels: map[string]string{"hyaction.buenhyden.github.io/policies": "enforced"}}},
		"monitoring": {ObjectMeta: metav1.ObjectMeta{Name: "monitoring"}},
	}
	resolve := func(name string) *corev1.Namespace { return namespaces[name] }
	return kyverno{engine.NewEngine(provider, resolve, matching.NewMatcher())}
}

// refuses says why a request is refused; "" means that it is not.
func (k kyverno) refuses(t *testing.T, request admissionv1.AdmissionRequest) (refusal string) {
	t.Helper()
	response, err := k.engine.Handle(t.Context(), engine.EngineRequest{Request: request, Context: libs.GetLibsCtx()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range response.Policies {
		if !p.Actions.Has(admissionregistrationv1.Deny) {
			continue
		}
		for _, rule := range p.Rules {
			switch rule.Status() {
			case engineapi.RuleStatusFail:
				refusal += fmt.Sprintf("Policy %s failed: %s\n", p.Policy.GetName(), rule.Message())
			case engineapi.RuleStatusError:
				refusal += fmt.Sprintf("Policy %s error: %s\n", p.Policy.GetName(), rule.Message())
			}
		}
	}
	return refusal
}

// asks is what the API server asks of pods: created, or changed.
func asks(t *testing.T, namespace string, before, pod *corev1.Pod, subresource string) admissionv1.AdmissionRequest {
	t.Helper()
	pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	request := admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
		SubResource: subresource, Namespace: namespace, Name: "new", Operation: admissionv1.Create, Object: raw(t, pod),
	}
	if before != nil {
		before.TypeMeta = pod.TypeMeta
		request.Operation, request.OldObject = admissionv1.Update, raw(t, before)
	}
	return request
}

func raw(t *testing.T, object any) runtime.RawExtension {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return runtime.RawExtension{Raw: text}
}

func podOf(t *testing.T, spec string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "new"}}
	if err := yaml.UnmarshalStrict([]byte(spec), &pod.Spec); err != nil {
		t.Fatal(err)
	}
	return pod
}

func check(t *testing.T, refusal, want string) {
	t.Helper()
	if want == "" && refusal != "" || !strings.Contains(refusal, want) {
		t.Errorf("refused with %q, want %q", refusal, want)
	}
}

// The engine is that of the version which the catalog's chart runs.
func TestVersion_IsTheCatalogs(t *testing.T) {
	mod := string(read(t, "go.mod"))
	_, version, _ := strings.Cut(mod, "github.com/kyverno/kyverno ")
	version, _, _ = strings.Cut(version, "\n")
	if image := "reg.kyverno.io/kyverno/kyverno:" + version; !strings.Contains(string(read(t, component("kyverno/component.yaml"))), image+"\n") {
		t.Errorf("the catalog does not have image %s", image)
	}
}

func TestPolicies_AreTaken(t *testing.T) {
	for _, policy := range policies(t, component("kyverno-policies/manifests/policies.yaml")) {
		if said, err := vpol.Validate(policy); err != nil || len(said) > 0 {
			t.Errorf("%s: %v %v", policy.GetName(), said, err)
		}
	}
	// By this refusal the platform knows that Kyverno is there.
	for _, policy := range policies(t, component("kyverno/refused.yaml")) {
		if _, err := vpol.Validate(policy); err == nil || !strings.Contains(err.Error(), "failed to compile policy") {
			t.Errorf("%s: got %v", policy.GetName(), err)
		}
	}
}

// The same pods are judged by the API server, in package manifest.
func TestPolicies_Judge(t *testing.T) {
	var tests []struct{ Name, Pod, Refused string }
	if err := yaml.UnmarshalStrict(read(t, filepath.Join(internal, "driver", "manifest", "testdata", "policies", "pods.yaml")), &tests); err != nil {
		t.Fatal(err)
	}
	if len(tests) < 10 {
		t.Fatalf("there are %d pods only", len(tests))
	}
	k := newKyverno(t)
	for _, tt := range tests {
		t.Run(tt.Name, func(t *testing.T) {
			check(t, k.refuses(t, asks(t, "apps", nil, podOf(t, tt.Pod), "")), tt.Refused)
			check(t, k.refuses(t, asks(t, "monitoring", nil, podOf(t, tt.Pod), "")), "")
		})
	}
	const good = `{securityContext: {runAsNonRoot: true}, containers: [{name: a, image: "b:1"}]}`
	t.Run("ephemeral containers", func(t *testing.T) {
		for image, want := range map[string]string{"b:1": "", "b": "day to day: b;"} {
			debugged := podOf(t, good)
			debugged.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "e", Image: image}}}
			check(t, k.refuses(t, asks(t, "apps", podOf(t, good), debugged, "ephemeralcontainers")), want)
		}
	})
	t.Run("a pod that was there before", func(t *testing.T) {
		labelled, changed := podOf(t, `{containers: [{name: a, image: old}]}`), podOf(t, `{containers: [{name: a, image: new}]}`)
		labelled.Labels = map[string]string{"a": "b"}
		check(t, k.refuses(t, asks(t, "apps", podOf(t, `{containers: [{name: a, image: old}]}`), labelled, "")), "")
		check(t, k.refuses(t, asks(t, "apps", podOf(t, `{containers: [{name: a, image: old}]}`), changed, "")), "day to day: new;")
	})
	t.Run("what makes pods is not judged", func(t *testing.T) {
		bad := podOf(t, `{containers: [{name: a, image: b}]}`)
		check(t, k.refuses(t, admissionv1.AdmissionRequest{
			Kind:      metav1.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"},
			Resource:  metav1.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"},
			Namespace: "apps", Name: "new", Operation: admissionv1.Create,
			Object: raw(t, &appsv1.Deployment{
				TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: bad.ObjectMeta,
				Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: bad.Spec}},
			}),
		}), "")
	})
	// By this refusal the platform knows that the policies count.
	t.Run("the probe", func(t *testing.T) {
		pod := &corev1.Pod{}
		if err := yaml.UnmarshalStrict(read(t, component("kyverno-policies/refused.yaml")), pod); err != nil {
			t.Fatal(err)
		}
		check(t, k.refuses(t, asks(t, "apps", nil, pod, "")), "Policy require-image-tag failed")
	})
}
