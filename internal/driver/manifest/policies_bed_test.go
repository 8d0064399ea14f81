package manifest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// The policies of component kyverno-policies, judged by a real API server. Kyverno
// compiles their expressions with the API server's own library and variables, and
// a ValidatingPolicy says by the same fields what a ValidatingAdmissionPolicy says,
// so that it is made one of here: which pods pass is shown, and with which words
// the others do not. That Kyverno itself runs is not.
func TestBed_PoliciesOfApplications(t *testing.T) {
	bed := plaintest.Start(t)
	client := bed.Clientset(t)
	applications, platform := bed.Namespace(t), bed.Namespace(t)
	label := []byte(`{"metadata":{"labels":{"hyaction.buenhyden.github.io/policies":"enforced"}}}`)
	if _, err := client.CoreV1().Namespaces().Patch(t.Context(), applications, types.MergePatchType, label, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	// A pod that was there before the policies, with nothing that they want.
	before := podOf(t, "before", `{containers: [{name: a, image: old}]}`)
	if _, err := client.CoreV1().Pods(applications).Create(t.Context(), before, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	asAdmissionPolicies(t, client, applications, platform)

	text, err := os.ReadFile("testdata/policies/pods.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tests []struct{ Name, Pod, Refused string }
	if err := yaml.UnmarshalStrict(text, &tests); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.Name, func(t *testing.T) {
			pod := podOf(t, "new", tt.Pod)
			check(t, dryRun(t.Context(), client, applications, pod), tt.Refused)
			check(t, dryRun(t.Context(), client, platform, pod), "") // its namespace has no label
		})
	}

	t.Run("ephemeral containers", func(t *testing.T) {
		for image, want := range map[string]string{"b:1": "", "b": "day to day: b;"} {
			debug := podOf(t, "new", nonRoot("b:1"))
			debug.Name = fmt.Sprintf("debugged-%d", len(image))
			if _, err := client.CoreV1().Pods(applications).Create(t.Context(), debug, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			patch := fmt.Sprintf(`{"spec":{"ephemeralContainers":[{"name":"e","image":%q}]}}`, image)
			_, err := client.CoreV1().Pods(applications).Patch(t.Context(), debug.Name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "ephemeralcontainers")
			check(t, err, want)
		}
	})
	t.Run("a pod that was there before", func(t *testing.T) {
		pods := client.CoreV1().Pods(applications)
		_, err := pods.Patch(t.Context(), "before", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{})
		check(t, err, "")
		_, err = pods.Patch(t.Context(), "before", types.StrategicMergePatchType, []byte(`{"spec":{"containers":[{"name":"a","image":"new"}]}}`), metav1.PatchOptions{})
		check(t, err, "day to day: new;")
	})
}

func nonRoot(image string) string {
	return fmt.Sprintf(`{securityContext: {runAsNonRoot: true}, containers: [{name: a, image: "%s"}]}`, image)
}

func podOf(t *testing.T, name, spec string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := yaml.UnmarshalStrict([]byte(spec), &pod.Spec); err != nil {
		t.Fatal(err)
	}
	return pod
}

func dryRun(ctx context.Context, client kubernetes.Interface, namespace string, pod *corev1.Pod) error {
	_, err := client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

func check(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("let pass, want a refusal with %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("refused with %v, want %q", err, want)
	}
}

// asAdmissionPolicies binds the component's policies to two namespaces of the test
// and waits until both are asked.
func asAdmissionPolicies(t *testing.T, client kubernetes.Interface, applications, platform string) {
	t.Helper()
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	c, _ := cat.Component("kyverno-policies")
	objects, err := Objects(c, testEnv(t))
	if err != nil {
		t.Fatal(err)
	}
	api := client.AdmissionregistrationV1()
	for _, o := range objects {
		spec := o.Object["spec"].(map[string]any)
		delete(spec, "validationActions") // the binding's
		delete(spec, "evaluation")        // Kyverno's alone
		text, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		name := o.GetName() + "-" + applications
		policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := yaml.UnmarshalStrict(text, &policy.Spec); err != nil {
			t.Fatalf("%s says something that no admission policy does: %v", o.GetName(), err)
		}
		binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpIn, Values: []string{applications, platform}},
			}}},
		}}
		if _, err := api.ValidatingAdmissionPolicies().Create(t.Context(), policy, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = api.ValidatingAdmissionPolicies().Delete(context.Background(), name, metav1.DeleteOptions{})
			_ = api.ValidatingAdmissionPolicyBindings().Delete(context.Background(), name, metav1.DeleteOptions{})
		})
		if _, err := api.ValidatingAdmissionPolicyBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for spec, word := range map[string]string{`{containers: [{name: a, image: "b:1"}]}`: "root", nonRoot("b"): "day to day"} {
		// The API server learns of them by watching itself.
		plaintest.Until(t, func(ctx context.Context) error {
			err := dryRun(ctx, client, applications, podOf(t, "asked", spec))
			if err == nil || !strings.Contains(err.Error(), word) {
				return errors.Join(fmt.Errorf("nobody refuses it for %q", word), err)
			}
			return nil
		})
	}
}
