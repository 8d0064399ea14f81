package credential

import (
	"encoding/base64"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
)

func TestObjects(t *testing.T) {
	c := catalog.Component{Name: "n8n", Namespace: "apps", Secrets: []string{"db"}, KubernetesSecrets: []catalog.KubernetesSecret{
		{Name: "n8n-db", Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"}, Data: map[string]string{"dsn": "postgresql://n8n:${db}@pg/n8n", "user": "n8n"}},
		{Name: "plain", Namespace: "other", Type: "kubernetes.io/basic-auth", Data: map[string]string{"username": "x"}},
	}}
	objs, err := Objects(c, map[string]string{"db": "hunter2"})
	if err != nil || len(objs) != 2 {
		t.Fatalf("got %d, %v", len(objs), err)
	}
	dsn, _, _ := unstructured.NestedString(objs[0].Object, "data", "dsn")
	if dsn != base64.StdEncoding.EncodeToString([]byte("postgresql://n8n:hunter2@pg/n8n")) || objs[0].GetNamespace() != "apps" || objs[0].Object["type"] != "Opaque" ||
		objs[0].GetLabels()["a"] != "b" || objs[0].GetAnnotations()["c"] != "d" || objs[0].GetAnnotations()[apply.CredentialsAnnotation] != "db" {
		t.Errorf("got %s of %s", apply.Describe(objs[0]), objs[0].Object["type"])
	}
	if objs[1].GetNamespace() != "other" || objs[1].Object["type"] != "kubernetes.io/basic-auth" {
		t.Errorf("got %v", objs[1].Object)
	}
	if _, err := Objects(c, nil); err == nil || err.Error() != `component n8n: kubernetes-secrets n8n-db: data.dsn: there is no credential "db"` {
		t.Errorf("got %v", err)
	}
	texts := Texts(c, map[string]string{"db": "hunter2"})
	if len(texts) != 2 || texts["apps/n8n-db/dsn"] == "" || texts["apps/n8n-db/dsn (base64)"] != dsn {
		t.Errorf("%d texts are to be hidden", len(texts))
	}
}

func TestStore_OfNothingIsNothing(t *testing.T) {
	if objs := Store("lab", nil); objs != nil {
		t.Errorf("got %v", objs)
	}
	objs := Store("lab", map[string]string{"user-compose/db password": "x"})
	if len(objs) != 1 || objs[0].GetName() != "hyaction.lab.credentials" || strings.Contains(apply.Describe(objs[0]), "x ") {
		t.Errorf("got %v", objs)
	}
}
