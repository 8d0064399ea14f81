package app

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gha"
	"github.com/buenhyden/hy-home/internal/spec"
)

// features reads the inputs as a step of a job has them, and returns what was printed.
func features(t *testing.T, environ ...string) (builder.Features, string, error) {
	t.Helper()
	env := parseEnviron(append(environ, "GITHUB_ACTIONS=true", "INPUT_IMAGE=localhost:5001/a/b"))
	var out bytes.Buffer
	p := &program{env: env, stdout: &out, stderr: &out, gha: gha.New(&out, &out, env.get)}
	in, err := spec.Parse(spec.BuildPush, func(in spec.Input) (string, string) { return env.get(in.Env()), "input " + in.Name })
	if err != nil {
		t.Fatal(err)
	}
	f, err := buildFeatures(p.runtime(&spec.BuildPush), in)
	return f, out.String(), err
}

func TestBuildFeatures_HideSecretsFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("from-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, said, err := features(t, "INPUT_SECRETS=\"a=one-line\ntwo-line\"\nb=bee", "INPUT_SECRET_ENVS=c=C", "C=from-env", "INPUT_SECRET_FILES=d="+file)
	want := []builder.Secret{{ID: "a", Value: "one-line\ntwo-line"}, {ID: "b", Value: "bee"}, {ID: "c", Env: "C"}, {ID: "d", File: file}}
	if err != nil || !reflect.DeepEqual(f.Secrets, want) {
		t.Errorf("%+v, %v", f.Secrets, err)
	}
	for _, secret := range []string{"one-line", "two-line", "bee", "from-env", "from-file"} {
		if !strings.Contains(said, "::add-mask::"+secret+"\n") {
			t.Errorf("%s is not masked: %s", secret, said)
		}
	}
	for _, environ := range [][]string{{"INPUT_SECRET_ENVS=c=UNSET"}, {"INPUT_SECRET_FILES=c=/none"}} {
		if _, _, err := features(t, environ...); exit.Code(err) != exit.BadInput {
			t.Errorf("%q: %v", environ, err)
		}
	}
}

func TestBuildFeatures_TokenForThisGitHubAlone(t *testing.T) {
	const github, enterprise = "https://github.com", "https://github.acme.example:8443"
	for _, c := range []struct {
		server, context, secrets, want string
	}{
		{github, "https://github.com/acme/shop.git#main", "", "GIT_AUTH_TOKEN.github.com"},
		{github, "https://github.com.evil.example/acme/shop.git", "", ""},
		{github, "https://gitlab.com/acme/shop.git", "", ""},
		{github, ".", "", ""},
		{github, "https://github.com/acme/shop.git", "GIT_AUTH_TOKEN=mine", "GIT_AUTH_TOKEN"},
		{enterprise, "https://github.acme.example:8443/acme/shop.git#main", "", "GIT_AUTH_TOKEN.github.acme.example:8443"},
		{enterprise, "https://github.acme.example/acme/shop.git", "", ""},
	} {
		f, _, err := features(t, "INPUT_CONTEXT="+c.context, "INPUT_GITHUB_TOKEN=ghs_1", "INPUT_SECRETS="+c.secrets, "GITHUB_SERVER_URL="+c.server)
		var got []string
		for _, s := range f.Secrets {
			got = append(got, s.ID)
		}
		if err == nil {
			err = builder.Options{Features: f}.Check() // as each run is
		}
		if err != nil || strings.Join(got, ",") != c.want {
			t.Errorf("%s: %q, %v, want %q", c.context, got, err, c.want)
		}
	}
}

func TestBuildFeatures_CacheOfGitHub(t *testing.T) {
	f, _, err := features(t, "INPUT_CACHE_TO=type=gha,mode=max", "INPUT_CACHE_TOKEN=ey", "INPUT_CACHE_URL=https://r/")
	if want := []string{"ACTIONS_RUNTIME_TOKEN=ey", "ACTIONS_RESULTS_URL=https://r/", "ACTIONS_CACHE_SERVICE_V2=true"}; err != nil || !slices.Equal(f.Env, want) {
		t.Errorf("%q, %v", f.Env, err)
	}
	if f, _, err = features(t, "INPUT_CACHE_TO=type=gha", "ACTIONS_RUNTIME_TOKEN=ey"); err != nil || f.Env != nil {
		t.Errorf("with the token in the environment already: %q, %v", f.Env, err)
	}
	if _, _, err = features(t, "INPUT_CACHE_FROM=type=gha"); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "actions/cache-token") {
		t.Errorf("%v", err)
	}
}

func TestBuildFeatures_ListsWithCommas(t *testing.T) {
	f, _, err := features(t, "INPUT_PLATFORMS=linux/amd64, linux/arm64\nlinux/386", "INPUT_CACHE_FROM=type=registry,ref=r/c", "INPUT_NO_CACHE=true", "INPUT_DOCKERFILE_INLINE=FROM scratch\n\nCOPY a /a\n")
	if err != nil || !slices.Equal(f.Platforms, []string{"linux/amd64", "linux/arm64", "linux/386"}) || !slices.Equal(f.CacheFrom, []string{"type=registry,ref=r/c"}) || !f.NoCache || f.Dockerfile != "FROM scratch\n\nCOPY a /a" {
		t.Errorf("%+v, %v", f, err)
	}
}
