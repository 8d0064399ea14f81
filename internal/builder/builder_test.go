package builder

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

const digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

// engine plays build and push: it writes the files that docker would write.
func engine(t *testing.T) *run.Fake {
	return &run.Fake{Handler: func(c run.Cmd) (run.Result, error) {
		for _, a := range c.Args {
			if f, ok := strings.CutPrefix(a, "--iidfile="); ok {
				write(t, f, "sha256:config")
			}
			if f, ok := strings.CutPrefix(a, "--metadata-file="); ok {
				write(t, f, `{"containerimage.digest":"`+digest+`","containerimage.config.digest":"sha256:config"}`)
			}
		}
		if c.Args[0] == "push" {
			return run.Result{Stdout: "The push refers to repository [localhost:5001/shop/backend]\nabc: Pushed\nv1: digest: " + digest + " size: 1234\n"}, nil
		}
		return run.Result{Stderr: "#1 [internal] load build definition from Dockerfile\n#7 [build 2/2] RUN go build\n#7 DONE 1.0s\n"}, nil
	}}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func options() Options {
	return Options{
		Context: "-odd", File: "-f", Target: "final", BuildArgs: []string{"VERSION=--push", "FAIL_RATIO=0"},
		Labels: []string{"a=b c"}, Refs: []string{"localhost:5001/shop/backend:v1", "localhost:5001/shop/backend:latest"}, Push: true, Epoch: "1700000000",
	}
}

func TestBuild_TakesTheDigestOfTheRegistry(t *testing.T) {
	for _, mode := range []Mode{Buildx, BuildKit, Classic} {
		var log bytes.Buffer
		var said []string
		o := options()
		o.Log, o.Progress = &log, func(s string) { said = append(said, s) }
		fake := engine(t)
		img, err := Build(t.Context(), fake, Tool{CLI: "/x/docker", Mode: mode}, o)
		if err != nil || img.Digest != digest || img.ID != "sha256:config" {
			t.Errorf("%s: %+v, %v", mode, img, err)
		}
		if !strings.Contains(log.String(), "RUN go build") || !slices.Contains(said, "[build 2/2] RUN go build") {
			t.Errorf("%s: log %q, progress %q", mode, log.String(), said)
		}
		pushes := 0
		for _, c := range fake.Calls() {
			if c.Args[0] == "push" {
				pushes++
			}
		}
		if want := map[Mode]int{Buildx: 0, BuildKit: 2, Classic: 2}[mode]; pushes != want {
			t.Errorf("%s: %d pushes, want %d", mode, pushes, want)
		}
	}
}

func TestBuild_ForeignValuesAreNoOptions(t *testing.T) {
	fake := engine(t)
	if _, err := Build(t.Context(), fake, Tool{CLI: "d", Mode: Buildx}, options()); err != nil {
		t.Fatal(err)
	}
	c := fake.Calls()[0]
	rest := c.Args[4:] // buildx build --iidfile= --metadata-file=
	want := []string{"--push", "--file=-f", "--target=final", "--build-arg=VERSION=--push", "--build-arg=FAIL_RATIO=0", "--label=a=b c",
		"--tag=localhost:5001/shop/backend:v1", "--tag=localhost:5001/shop/backend:latest", "--", "-odd"}
	if !slices.Equal(rest, want) {
		t.Errorf("%q\nwant %q", rest, want)
	}
	if !slices.Contains(c.Env, "SOURCE_DATE_EPOCH=1700000000") {
		t.Errorf("env %q", c.Env)
	}
}

func TestBuild_NamesTheCause(t *testing.T) {
	for stderr, want := range map[string]string{
		"#9 ERROR: process \"/bin/sh -c false\" did not complete successfully: exit code: 1\n------\n > [2/2] RUN false:\n------\nDockerfile:2\nERROR: failed to solve: process \"/bin/sh -c false\" did not complete successfully: exit code: 1\n": `process "/bin/sh -c false" did not complete`,
		"ERROR: failed to build: failed to receive status: rpc error: code = Unknown desc = failed to solve with frontend dockerfile.v0: failed to create LLB definition: target stage no could not be found\n":                                     "target stage no could not",
		"ERROR: failed to build: failed to solve: /none: not found\n":                                 "/none: not found",
		"executor failed running [/bin/sh -c false]: exit code: 1\n":                                  "executor failed",
		"The command '/bin/sh -c false' returned a non-zero code: 1\n":                                "The command '/bin/sh -c false' returned a non-zero code",
		"error: failed to solve: golang:9: not found\n":                                               "golang:9: not found",
		"failed to solve with frontend dockerfile.v0: failed to build LLB: executor failed running\n": "failed to build LLB",
	} {
		fake := &run.Fake{Handler: func(run.Cmd) (run.Result, error) { return run.Result{Code: 1, Stderr: stderr}, nil }}
		_, err := Build(t.Context(), fake, Tool{CLI: "d", Mode: BuildKit}, options())
		if err == nil || !strings.HasPrefix(err.Error(), "build -odd: "+want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	fake := &run.Fake{Handler: func(c run.Cmd) (run.Result, error) {
		if c.Args[0] == "push" {
			return run.Result{Code: 1, Stdout: "The push refers to repository [x]\n", Stderr: "denied: permission_denied: write_package\n"}, nil
		}
		return engine(t).Handler(c)
	}}
	if _, err := Build(t.Context(), fake, Tool{CLI: "d", Mode: BuildKit}, options()); err == nil || err.Error() != "push localhost:5001/shop/backend:v1: permission_denied: write_package" {
		t.Errorf("%v", err)
	}
}

func TestBuild_Call(t *testing.T) {
	o := options()
	o.Push, o.Refs, o.Call, o.Platforms = false, nil, "check", []string{"linux/amd64", "linux/arm64"}
	said := run.Result{Stdout: "Check complete, no warnings found.\n"}
	fake := &run.Fake{Handler: func(run.Cmd) (run.Result, error) { return said, nil }}
	if img, err := Build(t.Context(), fake, Tool{CLI: "d", Mode: Buildx}, o); err != nil || img.ID != "" {
		t.Errorf("%+v, %v", img, err)
	}
	if got := fake.Calls(); len(got) != 1 || strings.Contains(strings.Join(got[0].Args, " "), "-file=/") || !slices.Contains(got[0].Args, "--call=check") {
		t.Errorf("%q", got)
	}
	said = run.Result{Code: 1, Stdout: "Check complete, 1 warning has been found!\n\nWARNING: MaintainerDeprecated\nDockerfile:2\n--------------------\n"}
	if _, err := Build(t.Context(), fake, Tool{CLI: "d", Mode: Buildx}, o); err == nil || err.Error() != "check -odd: 1 warning has been found" {
		t.Errorf("%v", err)
	}
}

func TestBuild_LoginStaysInAConfigurationOfItsOwn(t *testing.T) {
	base := t.TempDir()
	write(t, filepath.Join(base, "config.json"), `{"credsStore":"desktop","auths":{"other":{"auth":"eA=="}},"currentContext":"c"}`)
	if err := os.Mkdir(filepath.Join(base, "contexts"), 0o700); err != nil {
		t.Fatal(err)
	}
	var seen string
	fake := &run.Fake{Handler: func(c run.Cmd) (run.Result, error) {
		for _, e := range c.Env {
			if dir, ok := strings.CutPrefix(e, "DOCKER_CONFIG="); ok {
				seen = dir
				raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
				if err != nil {
					t.Error(err)
				}
				var got struct {
					Auths          map[string]struct{ Auth string }
					CredHelpers    map[string]string
					CredsStore     string
					CurrentContext string
				}
				if err := json.Unmarshal(raw, &got); err != nil {
					t.Error(err)
				}
				helper, set := got.CredHelpers["ghcr.io"]
				if got.Auths["ghcr.io"].Auth != base64.StdEncoding.EncodeToString([]byte("me:secret")) || got.Auths["other"].Auth != "eA==" ||
					helper != "" || !set || got.CredsStore != "desktop" || got.CurrentContext != "c" {
					t.Errorf("%s", raw)
				}
				if _, err := os.Stat(filepath.Join(dir, "contexts")); err != nil {
					t.Error(err)
				}
			}
			if strings.Contains(e, "secret") || strings.Contains(strings.Join(c.Args, " "), "secret") {
				t.Errorf("the password is seen in %q", c)
			}
		}
		return engine(t).Handler(c)
	}}
	o := options()
	o.Login, o.ConfigDir = Login{"ghcr.io", "me", "secret"}, base
	if _, err := Build(t.Context(), fake, Tool{CLI: "d", Mode: BuildKit}, o); err != nil {
		t.Fatal(err)
	}
	if seen == "" {
		t.Fatal("no configuration of its own")
	}
	if _, err := os.Stat(seen); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left behind: %v", seen, err)
	}
}

func TestCheckBuildArgs(t *testing.T) {
	if err := CheckBuildArgs([]string{"VERSION=1", "FAIL_RATIO=0.5", "AUTHOR=me", "TOKENIZER=x", "KEYBOARD=de", "EMPTY="}); err != nil {
		t.Error(err)
	}
	for _, arg := range []string{"NPM_TOKEN=x1y2", "token=x1y2", "DB_PASSWORD=x1y2", "API_KEY=x1y2", "AWS_SECRET_ACCESS_KEY=x1y2", "NAME", "=x1y2", "A B=x1y2"} {
		err := CheckBuildArgs([]string{"A=1", arg})
		if exit.Code(err) != exit.BadInput || strings.Contains(err.Error(), "x1y2") {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

func TestStream_PassesWholeLinesAndBoundsLongOnes(t *testing.T) {
	var log bytes.Buffer
	s := newSink(&log, nil)
	a, b := s.stream(), s.stream()
	for _, w := range []struct {
		s    *stream
		text string
	}{{a, "one "}, {b, "three\n"}, {a, "two\nfour"}} {
		if n, err := w.s.Write([]byte(w.text)); n != len(w.text) || err != nil {
			t.Fatal(n, err)
		}
	}
	a.end()
	if got := log.String(); got != "three\none two\nfour\n" {
		t.Errorf("%q", got)
	}
	if _, err := a.Write(bytes.Repeat([]byte("x"), longLine+1)); err != nil || len(a.rest) != 0 {
		t.Errorf("%d bytes are kept, %v", len(a.rest), err)
	}
}
