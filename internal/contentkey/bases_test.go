package contentkey

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestMake_NoKey(t *testing.T) {
	for want, text := range map[string]string{
		"cannot be read":                "FROM a\nNOPE\n",
		"--checksum":                    "FROM a\nADD https://example.com/x /\n",
		"ADD git@example.com:a/b.git":   "FROM a\nADD git@example.com:a/b.git /\n",
		"ADD ${URL}":                    "FROM a\nARG URL\nADD ${URL} /\n",
		"FROM ${NONE} names no image":   "FROM ${NONE}\n",
		"base image missing:1: unknown": "FROM missing:1\n",
		"base image UPPER":              "FROM UPPER\n",
	} {
		in := fixture(t)
		write(t, in.Context, "Dockerfile", text)
		in.Digest = func(_ context.Context, ref string) (string, error) {
			if ref == "missing:1" {
				return "", errors.New("unknown")
			}
			return "sha256:x", nil
		}
		if _, err := Make(t.Context(), in); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	in := fixture(t)
	write(t, in.Context, ".git/HEAD", "ref: refs/heads/main")
	if _, err := Make(t.Context(), in); err == nil || !strings.Contains(err.Error(), ".dockerignore") {
		t.Errorf("%v", err)
	}
	write(t, in.Context, ".dockerignore", ".git\n")
	key(t, in)
	in.Target = "nope"
	if _, err := Make(t.Context(), in); err == nil || !strings.Contains(err.Error(), "no stage nope") {
		t.Errorf("%v", err)
	}
}

func TestMake_Bases(t *testing.T) {
	pinned := "alpine@sha256:" + strings.Repeat("a", 64)
	for text, want := range map[string]string{
		file:                                            "alpine:3 certs:1 debian:12 tools:1",
		"FROM scratch\n":                                "",
		"# syntax=docker/dockerfile:1\nFROM a\n":        "a:latest docker/dockerfile:1",
		"FROM a AS x\nFROM x AS y\nFROM y\n":            "a:latest",
		"FROM a AS x\nFROM b\nCOPY --from=0 /x /\n":     "a:latest b:latest",
		"FROM b-${TARGETARCH}\n":                        "b-amd64:latest b-arm64:latest",
		"FROM --platform=$BUILDPLATFORM b-$BUILDARCH\n": "b-amd64:latest",
		"ARG V=1\nARG W=${V}.2\nFROM a:${W:-x}\n":       "a:1.2",
		"ARG V\nFROM a:${V:-9}\n":                       "a:9",
		"FROM " + pinned + "\n":                         pinned,
		"FROM localhost:5000/a/b\n":                     "localhost:5000/a/b:latest",
		"FROM a\nADD --checksum=sha256:0 https://x.y/z /\nADD pkg-${V}.tar.gz /\n": "a:latest",
		"FROM a AS A1\nFROM b\nRUN --mount=from=a1,target=/x true\n":               "a:latest b:latest",
	} {
		in := fixture(t)
		write(t, in.Context, "Dockerfile", text)
		k, err := Make(t.Context(), in)
		var got []string
		for _, b := range k.Bases {
			got = append(got, b.Ref)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}
