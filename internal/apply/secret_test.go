package apply

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"

	"github.com/buenhyden/hy-home/internal/exit"
)

const login = `
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: shop, annotations: {hyaction.buenhyden.github.io/credentials: pw}}
stringData: {password: PW}
`

// An inventory may be read by more people than a Secret: two contents must look
// alike in it, two sets of keys must not.
func TestDigest_LeavesOutWhatIsInASecret(t *testing.T) {
	of := func(text string) string {
		sum, err := digest(objects(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if of(login) != of(strings.ReplaceAll(login, "PW", "other")) {
		t.Error("the digest depends on the password")
	}
	if of(login) == of(strings.ReplaceAll(login, "password:", "pass:")) {
		t.Error("the digest does not depend on the keys")
	}
	data := "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: VALUE}}"
	if of(data) != of(strings.ReplaceAll(data, "VALUE", "aHVudGVyMg==")) {
		t.Error("the digest depends on data")
	}
	config := "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: VALUE}}"
	if of(config) == of(strings.ReplaceAll(config, "VALUE", "other")) {
		t.Error("the digest of a ConfigMap does not depend on its data")
	}
}

func TestReads(t *testing.T) {
	for text, want := range map[string]bool{
		"containers: [{env: [{valueFrom: {secretKeyRef: {name: login, key: k}}}]}]":    true,
		"initContainers: [{envFrom: [{secretRef: {name: login}}]}]":                    true,
		"volumes: [{name: v, secret: {secretName: login}}]":                            true,
		"volumes: [{name: v, projected: {sources: [{secret: {name: login}}]}}]":        true,
		"containers: [{env: [{valueFrom: {configMapKeyRef: {name: login, key: k}}}]}]": false,
		"volumes: [{name: login, secret: {secretName: other}}]":                        false,
		"imagePullSecrets: [{name: login}]":                                            false,
	} {
		spec := objects(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {"+text+"}\n")[0].Object["spec"]
		if got := reads(spec, "login"); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

// A changed credential is written with a mark first, then its readers are
// restarted, and only then the mark goes: whoever is killed in between leaves the
// mark, and the next run goes on from there.
func TestConverge_RestartsTheReadersOfAChangedCredential(t *testing.T) {
	c := newCluster(Options{Namespace: "shop"})
	var fail bool
	c.dyn.PrependReactor("patch", "deployments", func(action clienttesting.Action) (bool, runtime.Object, error) {
		patch := action.(clienttesting.PatchAction)
		if patch.GetPatchType() != types.MergePatchType {
			return false, nil, nil
		}
		if !strings.Contains(string(patch.GetPatch()), "kubectl.kubernetes.io/restartedAt") {
			t.Errorf("patched with %s", patch.GetPatch())
		}
		c.order = append(c.order, "restart "+patch.GetName())
		if fail {
			return true, nil, refusedBy(500, "InternalError", "etcdserver: leader changed")
		}
		return true, &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment"}}, nil
	})
	deployment := func(name, secret string) string {
		return "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", namespace: shop}\nspec: {template: {spec: {containers: [{envFrom: [{secretRef: {name: " + secret + "}}]}]}}}\n"
	}
	i := Inventory{Owner: "lab", Part: "web"}
	run := func(password string) ([]string, error) {
		c.order = nil
		_, err := c.client.Converge(t.Context(), i, objects(t, strings.ReplaceAll(login, "PW", password)+deployment("reader", "login")+deployment("other", "another")))
		return c.order, err
	}
	const note, secret, reader, other, restart = "configmap kube-system/hyaction.lab.web", "secret shop/login", "deployment shop/reader", "deployment shop/other", "restart reader"
	plain := []string{note, secret, reader, other, note}
	renewed := []string{note, secret, restart, secret, reader, other, note}
	for _, step := range []struct {
		password string
		fail     bool
		want     []string
	}{
		{"a", false, plain},
		{"a", false, plain},
		{"b", true, []string{note, secret, restart}},
		{"b", false, renewed}, // the content is there already, the mark too
		{"b", false, plain},
		{"c", false, renewed},
	} {
		fail = step.fail
		got, err := run(step.password)
		if !slices.Equal(got, step.want) || (err != nil) != step.fail {
			t.Errorf("%q: did %q, %v; want %q", step.password, got, err, step.want)
		}
	}
}

func TestConverge_ASecretOfTwoPlatforms(t *testing.T) {
	c := newCluster(Options{Namespace: "shop"})
	if _, err := c.client.Converge(t.Context(), Inventory{Owner: "one", Part: "web"}, objects(t, login)); err != nil {
		t.Fatal(err)
	}
	_, err := c.client.Converge(t.Context(), Inventory{Owner: "two", Part: "web"}, objects(t, strings.ReplaceAll(login, "PW", "other")))
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "secret shop/login belongs to platform one as well, and holds other credentials there") {
		t.Errorf("got %v", err)
	}
	if _, err := c.client.Converge(t.Context(), Inventory{Owner: "two", Part: "web"}, objects(t, login)); err != nil {
		t.Errorf("one with the same content: %v", err)
	}
}
