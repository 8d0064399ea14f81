package bumpimage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/run"
)

const (
	devOverlay = "apps/shop/overlays/dev"
	devFile    = devOverlay + "/kustomization.yaml"
)

// infra is an overlay over a base, with n files of others beside it.
func infra(n int) map[string]forgetest.File {
	files := map[string]forgetest.File{
		"apps/shop/overlays/dev/kustomization.yaml": {Mode: 0o100644, Text: "resources:\n- ../../base\nimages:\n- name: reg.example/app\n  newTag: v1 # deployed\n"},
		"apps/shop/base/kustomization.yaml":         {Mode: 0o100644, Text: "resources: [app.yaml]\n"},
		"apps/shop/base/app.yaml": {Mode: 0o100644, Text: `apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec: {template: {spec: {containers: [{name: app, image: reg.example/app}, {name: web, image: "reg.example/web:v1"}]}}}
`},
	}
	for i := range n {
		files[fmt.Sprintf("others/%d/%d.yaml", i/50, i)] = forgetest.File{Mode: 0o100644, Text: fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\ndata: {text: %q}\n", i, strings.Repeat("x", 400+i%100))}
	}
	return files
}

func apiOptions(s *forgetest.Server, images ...string) Options {
	return Options{
		Repository: forgetest.Repository, Paths: []string{devOverlay}, Images: images, Mode: Push, Backend: Auto,
		API: s.URL, Token: forgetest.Token, Author: "Bot <bot@example.com>", Runner: &run.Fake{},
	}
}

func gitOptions(repository string, images ...string) Options {
	return Options{
		Repository: repository, Paths: []string{devOverlay}, Images: images, Mode: Push, Backend: Git,
		API: "https://api.github.com", Token: forgetest.Token, Author: "Bot <bot@example.com>", Runner: run.Exec{},
	}
}

func mustRun(t testing.TB, o Options) Result {
	t.Helper()
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}
