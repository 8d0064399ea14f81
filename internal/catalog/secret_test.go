package catalog

import (
	"strings"
	"testing"
)

const cluster = `name: db
description: Something that charts install
tier: cluster
driver: helm
namespace: apps
needs: [{name: net, why: it lives there}]
budget: {cpu: "0", memory: "0", disk: "0"}
timeout: 90s
secrets: [db-password, other]
`

func TestLoad_KubernetesSecrets(t *testing.T) {
	cat, err := Load(tree("components/db/component.yaml", cluster+`kubernetes-secrets:
  - {name: db-login, type: kubernetes.io/basic-auth, labels: {part-of: shop}, data: {username: shop, password: "${db-password}"}}
  - {name: db-dsn, namespace: jobs, data: {dsn: "postgresql://shop:${db-password:url}@${other}:5432/shop"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := cat.Component("db")
	if s := c.KubernetesSecrets; len(s) != 2 || s[0].In(c) != "apps" || s[1].In(c) != "jobs" || strings.Join(s[1].Credentials(), " ") != "db-password other" {
		t.Errorf("got %+v", s)
	}
}

func TestLoad_KubernetesSecretsNameTheFault(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"not listed", cluster + "kubernetes-secrets: [{name: a, data: {k: '${pasword}'}}]\n", `kubernetes-secrets a: data.k: "pasword" is not in the component's secrets`},
		{"no name", cluster + "kubernetes-secrets: [{name: a, data: {k: '${}'}}]\n", `data.k: "${}" is no reference to a credential such as ${redis-password}`},
		{"not closed", cluster + "kubernetes-secrets: [{name: a, data: {k: '${other'}}]\n", `"${other" is no reference`},
		{"unknown form", cluster + "kubernetes-secrets: [{name: a, data: {k: '${other:bcrypt}'}}]\n", `"${other:bcrypt}" asks for the form "bcrypt", want one of fernet, url`},
		{"no namespace", strings.Replace(cluster, "namespace: apps\n", "", 1) + "kubernetes-secrets: [{name: a, data: {k: v}}]\n", "kubernetes-secrets a: namespace is missing, and the component has none"},
		{"bad namespace", cluster + "kubernetes-secrets: [{name: a, namespace: A_b, data: {k: v}}]\n", `namespace "A_b" must be`},
		{"bad name", cluster + "kubernetes-secrets: [{name: A, data: {k: v}}]\n", "kubernetes-secrets A: the name must be"},
		{"bad key", cluster + "kubernetes-secrets: [{name: a, data: {'a b': v}}]\n", `data has the key "a b"`},
		{"empty", cluster + "kubernetes-secrets: [{name: a}]\n", "kubernetes-secrets a: data is empty"},
		{"twice", cluster + "kubernetes-secrets: [{name: a, data: {k: v}}, {name: a, namespace: apps, data: {k: v}}]\n", "kubernetes-secrets a: it is there twice"},
		{"driver", strings.Replace(cluster, "driver: helm", "driver: compose", 1) + "kubernetes-secrets: [{name: a, data: {k: v}}]\n", "kubernetes-secrets a: driver compose makes none, want one of helm, manifest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(tree("components/db/component.yaml", tt.text))
			if err == nil || !strings.Contains(err.Error(), "components/db/component.yaml: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant %q", err, tt.want)
			}
		})
	}
	other := strings.Replace(cluster, "name: db\n", "name: db2\n", 1)
	_, err := Load(tree("components/db/component.yaml", cluster+"kubernetes-secrets: [{name: a, data: {k: v}}]\n",
		"components/db2/component.yaml", other+"kubernetes-secrets: [{name: a, data: {k: v}}]\n"))
	if err == nil || !strings.Contains(err.Error(), "components/db2/component.yaml: kubernetes-secrets: apps/a is made by db already") {
		t.Errorf("got %v", err)
	}
}

func TestFill(t *testing.T) {
	have := map[string]string{"a": "p@ss/wo rd", "b": "x"}
	for _, tt := range []struct{ text, want string }{
		{"plain $HOME $${a}", "plain $HOME ${a}"},
		{"${a}-${b}", "p@ss/wo rd-x"},
		{"postgresql://u:${a:url}@h/d", "postgresql://u:p%40ss%2Fwo%20rd@h/d"},
		{"${b:fernet}", "LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE="},
	} {
		got, err := KubernetesSecret{Name: "s", Data: map[string]string{"k": tt.text}}.Fill(have)
		if err != nil || got["k"] != tt.want {
			t.Errorf("%q: got %q, %v; want %q", tt.text, got["k"], err, tt.want)
		}
	}
	_, err := KubernetesSecret{Name: "s", Data: map[string]string{"k": "${a}${none}"}}.Fill(have)
	if err == nil || err.Error() != `kubernetes-secrets s: data.k: there is no credential "none"` {
		t.Errorf("got %v", err)
	}
}
