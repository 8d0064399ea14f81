package contentkey

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const file = `ARG BASE=debian:12
FROM ${BASE} AS build
COPY . /src
RUN --mount=type=bind,from=tools:1,target=/t make
FROM scratch AS other
COPY --from=unused:1 /x /
FROM alpine:3
COPY --from=build /src/out /
COPY --from=certs:1 /etc/ssl /etc/ssl
`

// digests answers with a digest for each name, which moves can change.
type digests map[string]string

func (d digests) of(_ context.Context, ref string) (string, error) {
	if v := d[ref]; v != "" {
		return v, nil
	}
	return "sha256:" + ref, nil
}

// fixture is a context of a few files.
func fixture(t *testing.T) Inputs {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "Dockerfile", file)
	write(t, dir, ".dockerignore", "*.log\n!keep.log\nnode_modules\n")
	write(t, dir, "main.go", "package main")
	write(t, dir, "deep/er/keep.txt", "text")
	write(t, dir, "keep.log", "kept")
	write(t, dir, "gone.log", "ignored")
	write(t, dir, "node_modules/x/index.js", "ignored")
	if err := os.Symlink("main.go", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	return Inputs{
		Context: dir, BuildArgs: []string{"A=1", "B=2"}, Labels: []string{"team=shop", "org.opencontainers.image.revision=abc"},
		Platforms: []string{"linux/amd64", "linux/arm64"}, BuildPlatform: "linux/amd64", Secrets: []string{"npm", "pip"},
		Settings: []string{"sbom=true", "provenance=mode=max"}, Digest: digests{}.of,
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil { //nolint:gosec // the modes of a checkout
		t.Fatal(err)
	}
}

func key(t *testing.T, in Inputs) string {
	t.Helper()
	k, err := Make(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return k.Value
}

// change is one thing that is done to a build; dir is its context.
type change func(t *testing.T, in *Inputs, dir string)

// counted are changes that make another image.
var counted = map[string]change{
	"content of a file": func(t *testing.T, _ *Inputs, dir string) { write(t, dir, "main.go", "package main\n") },
	"new file":          func(t *testing.T, _ *Inputs, dir string) { write(t, dir, "new", "") },
	"file gone":         func(t *testing.T, _ *Inputs, dir string) { do(t, os.Remove(filepath.Join(dir, "main.go"))) },
	"file renamed": func(t *testing.T, _ *Inputs, dir string) {
		do(t, os.Rename(filepath.Join(dir, "main.go"), filepath.Join(dir, "main2.go")))
	},
	"kept by an exception": func(t *testing.T, _ *Inputs, dir string) { write(t, dir, "keep.log", "other") },
	"empty directory":      func(t *testing.T, _ *Inputs, dir string) { do(t, os.Mkdir(filepath.Join(dir, "empty"), 0o700)) },
	"mode of a file": func(t *testing.T, _ *Inputs, dir string) {
		do(t, os.Chmod(filepath.Join(dir, "main.go"), 0o755)) //nolint:gosec // what is tested
	},
	"mode of a directory": func(t *testing.T, _ *Inputs, dir string) { do(t, os.Chmod(filepath.Join(dir, "deep"), 0o700)) }, //nolint:gosec // what is tested
	"link to another": func(t *testing.T, _ *Inputs, dir string) {
		do(t, os.Remove(filepath.Join(dir, "link")), os.Symlink("keep.log", filepath.Join(dir, "link")))
	},
	"link becomes a file": func(t *testing.T, _ *Inputs, dir string) {
		do(t, os.Remove(filepath.Join(dir, "link")))
		write(t, dir, "link", "package main")
	},
	"Dockerfile": func(t *testing.T, _ *Inputs, dir string) { write(t, dir, "Dockerfile", file+"USER 1\n") },
	"another Dockerfile": func(t *testing.T, in *Inputs, dir string) {
		in.File = filepath.Join(t.TempDir(), "other")
		do(t, os.WriteFile(in.File, []byte(file+"USER 2\n"), 0o600))
	},
	"an ignore file of its own": func(t *testing.T, _ *Inputs, dir string) { write(t, dir, "Dockerfile.dockerignore", "deep\n") },
	"value of an argument":      func(_ *testing.T, in *Inputs, _ string) { in.BuildArgs = []string{"A=1", "B=3"} },
	"argument gone":             func(_ *testing.T, in *Inputs, _ string) { in.BuildArgs = in.BuildArgs[:1] },
	"argument cut elsewhere":    func(_ *testing.T, in *Inputs, _ string) { in.BuildArgs = []string{"A=1B", "=2"} },
	"target":                    func(_ *testing.T, in *Inputs, _ string) { in.Target = "build" },
	"platform":                  func(_ *testing.T, in *Inputs, _ string) { in.Platforms = in.Platforms[:1] },
	"label":                     func(_ *testing.T, in *Inputs, _ string) { in.Labels = []string{"team=other"} },
	"name of a secret":          func(_ *testing.T, in *Inputs, _ string) { in.Secrets = []string{"npm"} },
	"setting":                   func(_ *testing.T, in *Inputs, _ string) { in.Settings = []string{"sbom=true"} },
	"base image moved":          moved("alpine:3"),
	"base by argument moved":    moved("debian:12"),
	"copied image moved":        moved("certs:1"),
	"mounted image moved":       moved("tools:1"),
	"base by argument":          func(_ *testing.T, in *Inputs, _ string) { in.BuildArgs = []string{"A=1", "B=2", "BASE=debian:13"} },
}

// alike are changes that make the same image.
var alike = map[string]change{
	"nothing":              func(*testing.T, *Inputs, string) {},
	"ignored file":         func(t *testing.T, _ *Inputs, dir string) { write(t, dir, "gone.log", "other") },
	"new ignored file":     func(t *testing.T, _ *Inputs, dir string) { write(t, dir, "node_modules/y/z", "") },
	"order of arguments":   func(_ *testing.T, in *Inputs, _ string) { slices.Reverse(in.BuildArgs) },
	"argument overwritten": func(_ *testing.T, in *Inputs, _ string) { in.BuildArgs = []string{"A=0", "B=2", "A=1"} },
	"order of labels":      func(_ *testing.T, in *Inputs, _ string) { slices.Reverse(in.Labels) },
	"revision": func(_ *testing.T, in *Inputs, _ string) {
		in.Labels = []string{"team=shop", "org.opencontainers.image.revision=def", "org.opencontainers.image.created=now"}
	},
	"order of platforms":    func(_ *testing.T, in *Inputs, _ string) { slices.Reverse(in.Platforms) },
	"spelling of platforms": func(_ *testing.T, in *Inputs, _ string) { in.Platforms = []string{"linux/x86_64", "linux/aarch64"} },
	"order of secrets":      func(_ *testing.T, in *Inputs, _ string) { slices.Reverse(in.Secrets) },
	"order of settings":     func(_ *testing.T, in *Inputs, _ string) { slices.Reverse(in.Settings) },
	"image of a stage that the target does not need moved": moved("unused:1"),
	"times": func(t *testing.T, _ *Inputs, dir string) {
		do(t, os.Chtimes(filepath.Join(dir, "main.go"), time.Unix(1, 0), time.Unix(1, 0)))
	},
	"files made in another order": func(t *testing.T, _ *Inputs, dir string) {
		do(t, os.Remove(filepath.Join(dir, "keep.log")))
		write(t, dir, "keep.log", "kept")
	},
	"hard link for a file": func(t *testing.T, _ *Inputs, dir string) {
		write(t, dir, "gone.log", "package main")
		do(t, os.Remove(filepath.Join(dir, "main.go")), os.Link(filepath.Join(dir, "gone.log"), filepath.Join(dir, "main.go")))
	},
}

func moved(ref string) change {
	return func(_ *testing.T, in *Inputs, _ string) { in.Digest = digests{ref: "sha256:moved"}.of }
}

func do(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestMake_EachIngredientCounts(t *testing.T) {
	plain := key(t, fixture(t))
	keys := map[string]string{plain: "plain"}
	for name, apply := range counted {
		in := fixture(t)
		apply(t, &in, in.Context)
		k := key(t, in)
		if other, ok := keys[k]; ok {
			t.Errorf("%s has the same key as %s", name, other)
		}
		keys[k] = name
	}
	for name, apply := range alike {
		in := fixture(t)
		apply(t, &in, in.Context)
		if key(t, in) != plain {
			t.Errorf("%s changes the key", name)
		}
	}
}

func TestKey_Fits(t *testing.T) {
	k, err := Make(t.Context(), fixture(t))
	if err != nil {
		t.Fatal(err)
	}
	for have, want := range map[string]bool{
		"linux/amd64 linux/arm64": true, "linux/arm64/v8 linux/amd64": true,
		"linux/amd64": false, "linux/amd64 linux/arm64 linux/arm/v7": false, "": false, "no/such/thing/at": false,
	} {
		if got := k.Fits(strings.Fields(have)); got != want {
			t.Errorf("%q: %v", have, got)
		}
	}
}

// FuzzMake looks for two lists of arguments that make the same key and are not the same.
func FuzzMake(f *testing.F) {
	f.Add("A=1", "B=2", "A=1B", "=2")
	f.Add("A=1\x00B", "", "A=1", "B")
	f.Fuzz(func(t *testing.T, a1, a2, b1, b2 string) {
		in := Inputs{Context: t.TempDir(), BuildPlatform: "linux/amd64", Digest: digests{}.of}
		write(t, in.Context, "Dockerfile", "FROM scratch\n")
		in.BuildArgs = []string{a1, a2}
		a := key(t, in)
		in.BuildArgs = []string{b1, b2}
		b := key(t, in)
		if same := slices.Equal(pairs(last([]string{a1, a2})), pairs(last([]string{b1, b2}))); same != (a == b) {
			t.Errorf("%q and %q: %s and %s", []string{a1, a2}, in.BuildArgs, a, b)
		}
	})
}
