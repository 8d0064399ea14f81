package manifest

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

const asking = `apiVersion: v1
kind: Secret
metadata:
  name: shop-db
  namespace: shop
  labels: {app: shop}
  annotations: {hyaction.buenhyden.github.io/credentials: "redis-password, shop-key"}
data: {key: JHtzaG9wLWtleX0=} # ${shop-key}
stringData: {url: "redis://:${redis-password:url}@redis-external.platform:6379", plain: text}
`

func TestDescribe_SecretsThatAskForCredentials(t *testing.T) {
	c := users(t, map[string]string{"m/a.yaml": named("a"), "m/s.yaml": asking, "m/theirs.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: own}\nstringData: {text: '${HOME}'}\n"})
	c, err := Driver{}.Describe(t.Context(), c, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Secrets, " "); got != "redis-password shop-key" || len(c.KubernetesSecrets) != 1 {
		t.Fatalf("it asks for %q, %+v", got, c.KubernetesSecrets)
	}
	s := c.KubernetesSecrets[0]
	filled, err := s.Fill(map[string]string{"redis-password": "a/b", "shop-key": "k"})
	if err != nil || filled["key"] != "k" || filled["url"] != "redis://:a%2Fb@redis-external.platform:6379" || filled["plain"] != "text" || s.In(c) != "shop" || s.Labels["app"] != "shop" {
		t.Errorf("got %v, %v", filled, err)
	}
	objs, err := Objects(c, engine.Env{})
	if err != nil || len(objs) != 2 {
		t.Errorf("beside it %d objects are applied, want the other two (%v)", len(objs), err)
	}
}

func TestPreflight_SecretsThatAskForWhatIsNotThere(t *testing.T) {
	for _, tt := range []struct{ old, by, want string }{
		{"${redis-password:url}", "${redis-pasword}", `manifests-dir: secret shop/shop-db: data.url: "redis-pasword" is not in its annotation hyaction.buenhyden.github.io/credentials`},
		{"JHtzaG9wLWtleX0=", "'${shop-key}'", "data.key is not base64: write it as stringData"},
		{"data: {k", "immutable: true\ndata: {k", "an immutable Secret cannot take a credential"},
	} {
		err := Driver{}.Preflight(t.Context(), []catalog.Component{users(t, map[string]string{"m/s.yaml": strings.Replace(asking, tt.old, tt.by, 1)})}, engine.Env{})
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want bad input with %q", err, tt.want)
		}
	}
}
