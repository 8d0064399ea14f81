package buildpush

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/registry/registrytest"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/internal/signature"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// onRegistry are options for a registry that is real, and can be made to fail.
func onRegistry(t *testing.T, w *world) (*registrytest.Registry, Options) {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	s := registrytest.New(t)
	o := options(t, w)
	o.Image, o.Registry = s.Host+"/shop/backend", nil
	return s, o
}

// both has one image in the registry under both tags, as the push would leave it.
func both(t *testing.T, o Options) string {
	t.Helper()
	digest := registrytest.Push(t, o.Image+":v1", "amd64", nil)
	repo, err := registry.ParseRepository("image", o.Image)
	if err == nil {
		err = registry.Client{}.Tag(t.Context(), repo, registry.Manifest{Digest: digest}, []string{"latest"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestRun_TheDigestIsTheRegistrys(t *testing.T) {
	w := newWorld(t)
	s, o := onRegistry(t, w)
	w.pushed = both(t, o)
	res, err := Run(t.Context(), o)
	if err != nil || res.Digest != w.pushed || len(res.Warnings) != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	// A tag that somebody moved meanwhile is told; the image is what it is.
	other := registrytest.Push(t, o.Image+":latest", "amd64", nil)
	if res, err = Run(t.Context(), o); err != nil || res.Digest != w.pushed || len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], other) {
		t.Errorf("%+v, %v", res, err)
	}
	s.Fail(registrytest.Fault{On: registrytest.To(http.MethodHead, "/manifests/v1"), Do: registrytest.WrongDigest(other)})
	res, err = Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), w.pushed) || !strings.Contains(err.Error(), other) || res.Ref() != "" {
		t.Errorf("%q, %v", res.Ref(), err)
	}
}

func TestRun_ADeniedPushBuildsNothing(t *testing.T) {
	w := newWorld(t)
	s, o := onRegistry(t, w)
	s.Fail(registrytest.Fault{On: registrytest.Start, Do: registrytest.Denied()})
	o.Credentials = registry.Credentials{Username: "me", Password: "x1y2"}
	_, err := Run(t.Context(), o)
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "user me may not push") || strings.Contains(err.Error(), "x1y2") || len(w.builds()) != 0 {
		t.Errorf("%v, %q", err, w.builds())
	}
}

// GitHub's token for a pull request from a fork reads alone, and secrets are empty.
func TestRun_AForkIsToldWhyItMayNotPush(t *testing.T) {
	w := newWorld(t)
	s, o := onRegistry(t, w)
	const why = "a pull request from a fork"
	s.Fail(registrytest.Fault{On: registrytest.Start, Do: registrytest.Denied()})
	for _, fork := range []bool{true, false} {
		for _, password := range []string{"ghs_1", ""} {
			o.Fork, o.Credentials = fork, registry.Credentials{Username: "me", Password: password}
			if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || strings.Contains(err.Error(), why) != fork {
				t.Errorf("fork %v, password %q: %v", fork, password, err)
			}
		}
	}
	s.Mend()
	s.Fail(registrytest.Fault{On: registrytest.Start, Do: registrytest.Status(404, "", "")})
	o.Fork, o.Credentials = true, registry.Credentials{}
	if _, err := Run(t.Context(), o); err == nil || strings.Contains(err.Error(), why) {
		t.Errorf("a registry that fails: %v", err)
	}
	if len(w.builds()) != 0 {
		t.Errorf("%q", w.builds())
	}
}

// The registry is one of its own: what another run asked and did not wait for may
// reach it late.
func TestRun_WhoDoesNotPushAsksNoRegistry(t *testing.T) {
	s, o := onRegistry(t, newWorld(t))
	o.Push = false
	if res, err := Run(t.Context(), o); err != nil || !res.Built || len(s.Asked("", "")) != 0 {
		t.Errorf("%+v, %v, asked %v", res, err, s.Asked("", ""))
	}
}

func TestRun_Merge(t *testing.T) {
	w := newWorld(t)
	s, o := onRegistry(t, w)
	o.Context = t.TempDir() // no Dockerfile
	amd, arm := registrytest.Push(t, o.Image+":a", "amd64", nil), registrytest.Push(t, s.Host+"/shop/arm:b", "arm64", nil)
	o.Merge = []string{amd, s.Host + "/shop/arm@" + arm}
	res, err := Run(t.Context(), o)
	if err != nil || res.Ref() != o.Image+":v1@"+res.Digest || len(w.builds()) != 0 {
		t.Fatalf("%+v, %v, %q", res, err, w.builds())
	}
	if r := res.Report(nil); r.Steps[2].Name != "merge" || r.Steps[2].Detail != "linux/amd64, linux/arm64" {
		t.Errorf("%+v", r.Steps)
	}
	for _, tag := range o.Tags {
		repo, err := registry.ParseRepository("image", o.Image)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := (registry.Client{}).Read(t.Context(), repo, tag); err != nil || m.Digest != res.Digest || len(m.Platforms) != 2 {
			t.Errorf("%s: %+v, %v", tag, m, err)
		}
	}
	for want, merge := range map[string][]string{
		"both for linux/amd64": {amd, amd},
		"not in the registry":  {amd, "sha256:" + strings.Repeat("0", 64)},
		"input merge holds":    {"nonsense"},
	} {
		o.Merge, o.Tags = merge, []string{"never"}
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if tags := s.Asked(http.MethodPut, "/manifests/never"); len(tags) != 0 {
		t.Errorf("%v", tags)
	}
	o.Push, o.Merge = false, []string{amd}
	if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput {
		t.Errorf("%v", err)
	}
}

// cosigned runs the real cosign beside the docker of the world.
func cosigned(t *testing.T, w *world) {
	cosign, docker := testkit.Tool(t, "cosign"), w.Handler
	w.Handler = func(c run.Cmd) (run.Result, error) {
		if c.Name != "cosign" {
			return docker(c)
		}
		c.Name, c.Stdout, c.Stderr = cosign, nil, nil
		return run.Exec{}.Run(t.Context(), c)
	}
}

func TestRun_Signs(t *testing.T) {
	w := newWorld(t)
	s, o := onRegistry(t, w)
	cosigned(t, w)
	t.Setenv("HOME", t.TempDir())
	w.pushed = both(t, o)
	o.Sign = signer(t, w)
	o.Credentials = registry.Credentials{Username: "me", Password: "secret"}
	s.Fail(registrytest.Fault{Do: registrytest.Login("me", "secret")})
	t.Setenv("TMPDIR", t.TempDir())
	res, err := Run(t.Context(), o)
	if err != nil || res.SignedBy != "the key" {
		t.Fatalf("%+v, %v", res, err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	last := w.Calls()[len(w.Calls())-1]
	if !slices.Contains(last.Args, o.Image+"@"+w.pushed) || last.Args[0] != "verify" {
		t.Errorf("%q", last.Args)
	}
	// A key that cannot sign ends before anything is built.
	builds := len(w.builds())
	o.Sign = &signature.Options{Key: "nonsense"}
	if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || len(w.builds()) != builds {
		t.Errorf("%v", err)
	}
}

// signer has a key of its own.
func signer(t *testing.T, w *world) *signature.Options {
	t.Helper()
	dir := t.TempDir()
	_, err := w.Run(t.Context(), run.Cmd{Name: "cosign", Args: []string{"generate-key-pair"}, Dir: dir, Env: []string{"COSIGN_PASSWORD=pw"}})
	do(t, err)
	key, err := os.ReadFile(dir + "/cosign.key")
	do(t, err)
	return &signature.Options{Key: string(key), Password: "pw"}
}

func TestRun_SignsWhatItFindsOnce(t *testing.T) {
	w := newWorld(t)
	_, o := onRegistry(t, w)
	cosigned(t, w)
	t.Setenv("HOME", t.TempDir())
	o.Sign = signer(t, w)
	keyless := o
	keyless.Sign, keyless.Registry = nil, &fakeRegistry{}
	key := keyed(t, w, keyless).Content
	digest := registrytest.Push(t, o.Image+":"+key.Tag(), "amd64", map[string]string{contentLabel: key.Value})
	for _, want := range []string{"by the key", "signed already by the key"} {
		res, err := Run(t.Context(), o)
		if last := res.steps[len(res.steps)-1]; err != nil || res.Built || res.Digest != digest || last.name != "sign" || last.detail != want {
			t.Errorf("%+v, %v, want %q", res, err, want)
		}
	}
}

func TestExpected(t *testing.T) {
	const sbom, provenance = "https://spdx.dev/Document", "https://slsa.dev/provenance/"
	e := expected{platforms: []string{"linux/amd64", "linux/arm64"}, predicates: []string{sbom, provenance}}
	platforms := []string{"linux/amd64", "linux/arm64/v8"}
	whole := []registry.Attested{
		{Platform: "linux/amd64", Predicates: []string{sbom, provenance + "v0.2"}},
		{Platform: "linux/arm64", Predicates: []string{provenance + "v1", sbom}},
	}
	if got := e.missing(platforms, whole); got != "" {
		t.Errorf("%q", got)
	}
	if got := e.missing(platforms[:1], whole[:1]); got != "an image for linux/arm64" {
		t.Errorf("%q", got)
	}
	whole[1].Predicates = nil
	if got := e.missing(platforms, whole); got != sbom+" attested of linux/arm64, "+provenance+" attested of linux/arm64" {
		t.Errorf("%q", got)
	}
}
