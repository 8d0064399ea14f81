package buildpush

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/run"
)

const (
	digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	sha    = "0123456789abcdef0123456789abcdef01234567"
)

// world plays docker and git.
type world struct {
	*run.Fake
	status string // of git
	noGit  bool
	broken bool   // the build fails
	pushed string // the digest that docker names after a push
	buildx bool
}

func newWorld(t *testing.T) *world {
	w := &world{pushed: digest}
	w.Fake = &run.Fake{Handler: func(c run.Cmd) (run.Result, error) {
		if c.Name == "git" {
			if w.noGit {
				return run.Result{Code: 128, Stderr: "fatal: not a git repository"}, nil
			}
			return run.Result{Stdout: map[string]string{"log": sha + " 1700000000\n", "status": w.status, "remote": "https://me:secret@github.com/acme/shop.git\n"}[c.Args[0]]}, nil
		}
		switch c.Args[0] {
		case "version":
			return run.Result{Stdout: `{"Client":{"Version":"20.10.24"},"Server":{"Version":"20.10.24","Os":"linux","Arch":"amd64"}}`}, nil
		case "buildx":
			if !w.buildx {
				return run.Result{Code: 1}, nil
			}
			if c.Args[1] == "inspect" {
				return run.Result{Stdout: "Name: far\nDriver: remote\n"}, nil
			}
		case "push":
			return run.Result{Stdout: "v1: digest: " + w.pushed + " size: 7\n"}, nil
		}
		if w.broken {
			return run.Result{Code: 1, Stderr: "failed to solve: no such package\n"}, nil
		}
		for _, a := range c.Args {
			for flag, text := range map[string]string{"--iidfile=": "sha256:config", "--metadata-file=": `{"containerimage.digest":"` + digest + `"}`} {
				if f, ok := strings.CutPrefix(a, flag); ok {
					do(t, os.WriteFile(f, []byte(text), 0o600))
				}
			}
		}
		return run.Result{}, nil
	}}
	return w
}

// builds are the arguments of each build that was started.
func (w *world) builds() [][]string {
	var out [][]string
	for _, c := range w.Calls() {
		if c.Args[0] == "build" || c.Args[0] == "buildx" && c.Args[1] == "build" {
			out = append(out, c.Args)
		}
	}
	return out
}

// fakeRegistry holds manifests by tag and digest. What was pushed is there by its
// digest, unless it is lost.
type fakeRegistry struct {
	push, read, tag error
	lost            bool
	have            map[string]registry.Manifest
	tagged          []string
	platform        string // of what was pushed; "" is linux/amd64
	meanwhile       func() // is waited for before the permission is told; may be nil
}

func (f *fakeRegistry) CheckPush(context.Context, registry.Repository) error {
	if f.meanwhile != nil {
		f.meanwhile()
	}
	return f.push
}

func (f *fakeRegistry) Attestations(context.Context, registry.Repository, string) ([]registry.Attested, error) {
	return nil, errors.New("must not be asked")
}

func (f *fakeRegistry) Merge(context.Context, registry.Repository, []registry.Part, []string) (string, []string, error) {
	return "", nil, errors.New("must not be asked")
}

// Digest is that of what was pushed or tagged last.
func (f *fakeRegistry) Digest(_ context.Context, _ registry.Repository, tag string) (string, error) {
	for _, t := range slices.Backward(f.tagged) {
		if name, d, _ := strings.Cut(t, "="); name == tag {
			return d, nil
		}
	}
	if f.lost {
		return "", registry.ErrNotFound
	}
	return digest, nil
}

func (f *fakeRegistry) Read(_ context.Context, _ registry.Repository, name string) (registry.Manifest, error) {
	if m, ok := f.have[name]; ok || f.read != nil {
		return m, f.read
	}
	if name == digest && !f.lost {
		return registry.Manifest{Digest: digest, Platforms: []string{cmp.Or(f.platform, "linux/amd64")}}, nil
	}
	return registry.Manifest{}, registry.ErrNotFound
}

func (f *fakeRegistry) Tag(_ context.Context, _ registry.Repository, m registry.Manifest, tags []string) error {
	for _, t := range tags {
		f.tagged = append(f.tagged, t+"="+m.Digest)
	}
	return f.tag
}

func options(t *testing.T, w *world) Options {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{Image: "localhost:5001/shop/backend", Tags: []string{"v1", "latest"}, Context: dir, Push: true, Docker: []string{"docker"}, Runner: w, Registry: &fakeRegistry{}}
}
