package buildpush

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/lab"
)

// bed is the real engine and the real registry, with a repository that no test has
// used before.
type bed struct {
	registry, prefix string
}

func newBed(t *testing.T) bed {
	l := lab.Require(t)
	return bed{l.Registry, fmt.Sprintf("hyaction-test/%x", time.Now().UnixNano())}
}

// options build a context of the files, and push it.
func (b bed) options(t *testing.T, name string, files map[string]string, tags ...string) Options {
	t.Helper()
	dir := t.TempDir()
	for file, text := range files {
		do(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
	return Options{
		Image: b.registry + "/" + b.prefix + "/" + name, Tags: tags, Context: dir, Push: true,
		Docker: builder.Candidates(os.Getenv("PATH")), Runner: run.Exec{Environ: os.Environ()},
	}
}

func (b bed) run(t *testing.T, o Options) Result {
	t.Helper()
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// digest is what the registry serves under a tag.
func (b bed) digest(t *testing.T, o Options, tag string) string {
	t.Helper()
	repo, err := registry.ParseRepository("image", o.Image)
	do(t, err)
	d, err := registry.Client{}.Digest(t.Context(), repo, tag)
	do(t, err)
	return d
}

func TestBed_ContentIsBuiltOnce(t *testing.T) {
	b := newBed(t)
	base := b.options(t, "base", map[string]string{"Dockerfile": "FROM scratch\nCOPY a /\n", "a": "1"}, "v1")
	base.AlwaysBuild = true
	b.run(t, base)
	files := map[string]string{"Dockerfile": "FROM " + base.Image + ":v1\nCOPY app /\n", "app": "1", ".dockerignore": "*.log\n"}

	first := b.run(t, b.options(t, "app", files, "v1"))
	if !first.Built || first.Content.Value == "" || len(first.Manifest.Layers) != 2 {
		t.Fatalf("%+v", first)
	}
	files["ignored.log"] = "x"
	again := b.options(t, "app", files, "v2", "latest")
	var log bytes.Buffer
	again.BuildLog = &log
	second := b.run(t, again)
	if second.Built || second.Digest != first.Digest || log.Len() > 0 {
		t.Errorf("%+v; a build said %s", second, log.String())
	}
	for _, tag := range []string{"v2", "latest", first.Content.Tag()} {
		if got := b.digest(t, again, tag); got != first.Digest {
			t.Errorf("%s is %s, want %s", tag, got, first.Digest)
		}
	}

	files["app"] = "2"
	changed := b.options(t, "app", files, "v3")
	changed.BuildLog = &log
	if third := b.run(t, changed); !third.Built || third.Digest == first.Digest || log.Len() == 0 {
		t.Errorf("%+v", third)
	}
	files["app"] = "1"
	do(t, os.WriteFile(filepath.Join(base.Context, "a"), []byte("2"), 0o600))
	b.run(t, base) // the base moves under its tag
	fourth := b.run(t, b.options(t, "app", files, "v4"))
	if !fourth.Built || fourth.Digest == first.Digest || fourth.Manifest.Layers[0].Digest == first.Manifest.Layers[0].Digest {
		t.Errorf("the base has moved: %+v", fourth)
	}
}

func TestBed_TwoJobsMayRace(t *testing.T) {
	b := newBed(t)
	files := map[string]string{"Dockerfile": "FROM scratch\nCOPY app /\n", "app": t.Name() + b.prefix}
	var results [3]Result
	var racing sync.WaitGroup
	for i := range results {
		o := b.options(t, "app", files, fmt.Sprintf("v%d", i))
		racing.Go(func() {
			var err error
			if results[i], err = Run(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
	}
	racing.Wait()
	if t.Failed() {
		return
	}
	o := b.options(t, "app", files, "after")
	after := b.run(t, o)
	made := []string{results[0].Digest, results[1].Digest, results[2].Digest}
	if after.Built || !strings.Contains(strings.Join(made, " "), after.Digest) {
		t.Errorf("%+v is none of %q", after, made)
	}
	for i, r := range results {
		if got := b.digest(t, o, fmt.Sprintf("v%d", i)); got != r.Digest || r.Content.Value != after.Content.Value {
			t.Errorf("v%d is %s, %+v", i, got, r)
		}
	}
}
