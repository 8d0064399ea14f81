package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// platforms are what bootstrap.sh can ask for.
var platforms = []struct{ os, arch string }{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// buildAll builds and packs every platform into dir, and returns the SHA-256 of
// each file by its name.
func buildAll(ctx context.Context, version, dir string) (map[string]string, error) {
	if !semver.MatchString(version) {
		return nil, fmt.Errorf("version %q: it must look like v1.2.3 or v1.2.3-rc.1", version)
	}
	sums := map[string]string{}
	for _, p := range platforms {
		name := fmt.Sprintf("hyaction_%s_%s.gz", p.os, p.arch)
		fmt.Fprintln(os.Stderr, "building", name)
		binary := filepath.Join(dir, "hyaction")
		if err := build(ctx, version, p.os, p.arch, binary); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		plain, err := os.ReadFile(binary)
		if err != nil {
			return nil, err
		}
		if err := os.Remove(binary); err != nil {
			return nil, err
		}
		packed, err := pack(plain)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), packed, 0o644); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(packed)
		sums[name] = hex.EncodeToString(sum[:])
	}
	return sums, nil
}

func build(ctx context.Context, version, goos, goarch, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X github.com/buenhyden/hy-home/internal/version.number="+version,
		"-o", out, "./cmd/hyaction")
	cmd.Env = environment(goos, goarch)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// environment is this process's own, without what would decide the bytes:
// variables of the machine, what `go env -w` keeps in a file (GOENV) for where a
// variable is empty, and a go.work that lies above.
func environment(goos, goarch string) []string {
	return append(os.Environ(), "GOENV=off", "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off",
		"GOAMD64=v1", "GOARM64=v8.0", "GOOS="+goos, "GOARCH="+goarch)
}

// pack compresses with Go's own gzip and an empty header: another tool, or the
// time of day, would change the bytes.
func pack(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}
