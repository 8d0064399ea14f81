// Program gen writes the parts of GitHub's published API descriptions that the server for
// tests holds requests against: github.graphql and openapi.json beside it. They come from
// GitHub's own npm packages, by name, version and hash; everything that nothing asks for
// is left out.
package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/buenhyden/hy-home/internal/run"
)

// pack is one file of an npm package.
type pack struct{ name, version, sha512, file string }

var (
	graphqlPack = pack{"@octokit/graphql-schema", "15.26.1", "RFDC2MpRBd4AxSRvUeBIVeBU7ojN/SxDfALUd7iVYOSeEK3gZaqR2MGOysj4Zh2xj2RY5fQAUT+Oqq7hWTraMA==", "package/schema.graphql"}
	openapiPack = pack{"@octokit/openapi", "23.0.2", "pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==", "package/generated/api.github.com.json"}
)

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", ".", "where to write")
	flag.Parse()
	for file, make := range map[string]func(context.Context) ([]byte, error){"github.graphql": graphql, "openapi.json": openapi} {
		text, err := make(context.Background())
		if err == nil {
			err = os.WriteFile(filepath.Join(*dir, file), text, 0o644)
		}
		if err != nil {
			log.Fatalf("%s: %v", file, err)
		}
	}
}

// fetch gives the file, by npm, which knows the registry of this machine.
func (p pack) fetch(ctx context.Context) (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "npm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if _, err := (run.Exec{}).Run(ctx, run.Cmd{Name: "npm", Args: []string{"pack", "--silent", "--pack-destination", dir, "--", p.name + "@" + p.version}}); err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("npm pack %s left %d archives", p.name, len(found))
	}
	f, err := os.Open(found[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha512.New()
	if _, err := io.Copy(sum, f); err != nil {
		return nil, err
	}
	if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != p.sha512 {
		return nil, fmt.Errorf("%s@%s has sha512 %s, not %s", p.name, p.version, got, p.sha512)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s@%s has no %s", p.name, p.version, p.file), err)
		}
		if h.Name == p.file {
			return io.ReadAll(archive)
		}
	}
}
