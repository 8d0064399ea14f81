package setupplatform

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/internal/pull"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/sealed"
)

// remembering is a world whose cluster was there before the run and keeps what
// the platform has generated.
type remembering struct {
	*world
	kept  map[string]string
	fault error
	asked int
	saw   engine.Env
}

func (m *remembering) Recall(context.Context, catalog.Component, engine.Env) (map[string]string, error) {
	m.asked++
	return m.kept, m.fault
}

func (m *remembering) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	m.saw = env
	return m.world.Apply(ctx, c, env)
}

func TestRun_FindsItsCredentialsInTheCluster(t *testing.T) {
	w, o := setup(t)
	m := &remembering{world: w, kept: map[string]string{"db-password": "of another machine", "old": "of another profile"}}
	o.Drivers["cluster"] = m
	var masked []string
	o.Mask = func(s string) { masked = append(masked, s) }
	for range 2 {
		if _, err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(w.secrets, []string{"of another machine", "of another machine"}) {
		t.Errorf("the database got %d credentials, and not those of the cluster", len(w.secrets))
	}
	if m.asked != 1 {
		t.Errorf("the cluster was asked %d times, want once: the file has them then", m.asked)
	}
	if !slices.Contains(masked, "of another machine") || !slices.Contains(masked, "of another profile") {
		t.Error("what was found is not masked")
	}
	if m.saw.Generated["old"] == "" || m.saw.Secrets["old"] != "" {
		t.Error("what only another profile uses is not kept, or is handed out")
	}
}

// What a cluster that does not answer knows must not be made up.
func TestRun_DoesNotReplaceCredentialsThatItCannotRead(t *testing.T) {
	w, o := setup(t)
	o.Drivers["cluster"] = &remembering{world: w, fault: errors.New("look for the platform's credentials in the cluster: no route to host")}
	_, err := Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "no route to host: there is no secrets.json here") || len(w.calls) > 0 {
		t.Errorf("got %v; made %v", err, w.calls)
	}
	if _, err := os.Stat(filepath.Join(o.StateDir, "secrets.json")); !os.IsNotExist(err) {
		t.Errorf("new ones were made (%v)", err)
	}
}

// given credentials, and those of Docker Hub, are not for the cluster to keep.
func TestRun_KeepsOnlyWhatItGenerated(t *testing.T) {
	w, o := setup(t)
	m := &remembering{world: w}
	o.Drivers["helm"] = m
	o.Given = map[string]string{"db-password": "hunter2"}
	o.DockerUsername, o.DockerPassword = "me", "hunter3"
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.saw.Generated) != 0 || m.saw.Secrets["db-password"] != "hunter2" || m.saw.Secrets[pull.PasswordSecret] != "hunter3" {
		t.Errorf("%d generated, %d secrets", len(m.saw.Generated), len(m.saw.Secrets))
	}
	if res.Env.Secrets["db-password"] != "hunter2" || res.Env.Secrets[pull.PasswordSecret] != "hunter3" {
		t.Error("diagnostics do not know what to hide")
	}
}

func TestRun_HidesWhatIsMadeOfCredentials(t *testing.T) {
	w, o := setup(t)
	app := &o.Catalog.Components[0]
	app.Tier, app.Namespace, app.Secrets = "cluster", "apps", []string{"db-password"}
	app.KubernetesSecrets = []catalog.KubernetesSecret{{Name: "login", Data: map[string]string{"user": "shop", "dsn": "postgresql://shop:${db-password}@pg/shop"}}}
	var masked []string
	o.Mask = func(s string) {
		if len(w.calls) > 0 {
			t.Error("something was done before all was masked")
		}
		masked = append(masked, s)
	}
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	dsn := "postgresql://shop:" + w.secrets[0] + "@pg/shop"
	for _, want := range []string{w.secrets[0], dsn, base64.StdEncoding.EncodeToString([]byte(dsn))} {
		if !slices.Contains(masked, want) {
			t.Error("a credential, a text made of it or its base64 form is not masked")
		}
	}
	if slices.Contains(masked, "shop") {
		t.Error("a plain word is masked: it would spoil the log")
	}
	if res.Env.Secrets["apps/login/dsn"] != dsn {
		t.Error("diagnostics do not hide the text")
	}
	text, err := os.ReadFile(filepath.Join(o.StateDir, recordFile))
	if err != nil || strings.Contains(string(text), w.secrets[0]) {
		t.Errorf("the record holds a credential (%v)", err)
	}
}

func TestRun_SealedKeys(t *testing.T) {
	key := sealed.Key{Certificate: "cert\n", PrivateKey: "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\n"}
	w, o := setup(t)
	o.SealedKeys = []sealed.Key{key}
	if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "sealed-secrets-key-file is given, but profile all has no component sealed-secrets") || len(w.calls) > 0 {
		t.Errorf("got %v; made %v", err, w.calls)
	}
	o.Catalog.Components[0].Name = sealed.Component
	o.Catalog.Components[0].Tier, o.Catalog.Components[0].Namespace = "cluster", "sealed"
	o.Catalog.Profiles[0].Components[0] = sealed.Component
	slices.SortFunc(o.Catalog.Components, func(a, b catalog.Component) int { return strings.Compare(a.Name, b.Name) })
	m := &remembering{world: w}
	o.Drivers["helm"] = m
	var masked []string
	o.Mask = func(s string) { masked = append(masked, s) }
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := res.Plan.Find(sealed.Component)
	if len(c.KubernetesSecrets) != 1 {
		t.Fatalf("got %+v", c.KubernetesSecrets)
	}
	s := c.KubernetesSecrets[0]
	data, err := s.Fill(m.saw.Secrets)
	if err != nil || data["tls.key"] != key.PrivateKey || data["tls.crt"] != key.Certificate || s.Type != "kubernetes.io/tls" || s.Labels[sealed.Label] != sealed.Active || s.In(c) != "sealed" {
		t.Errorf("got %+v, %v", s, err)
	}
	if strings.Contains(s.Data["tls.key"], "hunter2") {
		t.Error("the plan itself holds the key")
	}
	if !slices.Contains(masked, key.PrivateKey) || !slices.Contains(masked, base64.StdEncoding.EncodeToString([]byte(key.PrivateKey))) {
		t.Error("the private key, or its form in the Secret, is not masked")
	}
	for _, file := range []string{"secrets.json", recordFile} {
		if text, err := os.ReadFile(filepath.Join(o.StateDir, file)); err != nil || strings.Contains(string(text), "hunter2") {
			t.Errorf("%s holds the key (%v)", file, err)
		}
	}
}

func TestRun_OneSecretOfTwoComponentsIsBadInput(t *testing.T) {
	w, o := setup(t)
	for _, i := range []int{0, 2} {
		c := &o.Catalog.Components[i]
		c.Tier, c.Driver, c.Namespace = "cluster", "helm", "apps"
		c.KubernetesSecrets = []catalog.KubernetesSecret{{Name: "login", Data: map[string]string{"k": "v"}}}
	}
	_, err := Run(t.Context(), o)
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "both make the Kubernetes Secret apps/login") || len(w.calls) > 0 {
		t.Errorf("got %v; made %v", err, w.calls)
	}
}

func TestReport_NamesEndpointsAndCredentials(t *testing.T) {
	res := Result{
		Env: engine.Env{
			Name: "lab", StateDir: "/state",
			Generated: map[string]string{"redis-password": "hunter2", "shop-key": "hunter2"},
			Secrets:   map[string]string{"redis-password": "hunter2", "shop-key": "hunter2", "s3-key": "hunter2"},
		},
		Plan: plan.Plan{Components: []catalog.Component{
			{Name: "redis", Tier: "docker", Secrets: []string{"redis-password"}, Expose: []catalog.Endpoint{{Name: "redis", Protocol: catalog.Redis, Hosts: []string{"redis-1"}, Port: 6379, Published: 16379}}},
			{Name: "user-manifests", Tier: "cluster", Secrets: []string{"redis-password", "s3-key", "shop-key"}},
			{Name: "infra-bridge", Tier: "bridge", Driver: "bridge"},
		}},
	}
	text := report.Markdown(res.Report(nil))
	for _, want := range []string{
		"| redis | redis | redis-1:6379 | redis-1:6379 | 127.0.0.1:16379 |",
		"/state/secrets.json",
		"| redis-password | generated | redis, user-manifests |", "| s3-key | given | user-manifests |", "| shop-key | generated | user-manifests |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the summary lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "hunter2") {
		t.Error("the summary shows a credential")
	}
	if text := report.Markdown(res.Report(errors.New("no"))); strings.Contains(text, "Endpoints") || !strings.Contains(text, "shop-key") {
		t.Errorf("after a failure:\n%s", text)
	}
}

// What others of the platform log in with cannot be made up either, also where the
// endpoint itself is asked with a credential of another name.
func TestGiven_WhatManagedServicesAreLoggedInWith(t *testing.T) {
	store := catalog.Component{Name: "store", Secrets: []string{"s3-key", "aws-key"}, Expose: []catalog.Endpoint{{
		Name: "s3", External: true, Secrets: map[string]string{catalog.AccessKey: "aws-key"},
	}}}
	p := plan.Plan{Components: []catalog.Component{store, {Name: "loki", Secrets: []string{"s3-key"}}}}
	for want, have := range map[string]map[string]string{
		"data-secrets has no aws-key: it is the access-key of endpoint s3": {"s3-key": "a"},
		"data-secrets has no s3-key: loki logs in to store with it":        {"aws-key": "a"},
		"": {"aws-key": "a", "s3-key": "b"},
	} {
		err := given(p, have)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || exit.Code(err) != exit.BadInput) {
			t.Errorf("with %v: got %v, want %q", have, err, want)
		}
	}
	p.Components[0].Expose[0].External = false
	if err := given(p, nil); err != nil {
		t.Errorf("of its own: %v", err)
	}
}
