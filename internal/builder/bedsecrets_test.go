package builder

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/testbed/buildkit"
)

// The test's own secrets; each can be found by its marker.
var given = map[string]string{
	"value": "Zq7-value-4711\nsecond-line-Zq7", "variable": "Zq7-variable-4712", "file": "Zq7-file-4713", "password": "Zq7-password-4714",
}

func TestBed_SecretsAreNowhere(t *testing.T) {
	bed := buildkit.New(t)
	root := bed.Start(t)
	b := newBedBuild(t, bed, map[string]string{"Dockerfile": "FROM " + shell + ` AS build
RUN --mount=type=secret,id=value --mount=type=secret,id=variable --mount=type=secret,id=file,target=/elsewhere \
    sha256sum /run/secrets/value /run/secrets/variable /elsewhere >/sums; wc -l </run/secrets/value >/lines
FROM scratch
COPY --from=build /sums /lines /
`})
	t.Setenv("ZQ_VARIABLE", given["variable"])
	path := filepath.Join(t.TempDir(), `a,"b"`)
	write(t, path, given["file"])
	b.o.Secrets = []Secret{{ID: "value", Value: given["value"]}, {ID: "variable", Env: "ZQ_VARIABLE"}, {ID: "file", File: path}}
	b.o.Login = Login{"registry.example", "me", given["password"]}
	b.o.Provenance = "mode=max"
	cache := b.o.Refs[0] + "-cache"
	b.o.CacheTo = []string{"type=registry,mode=max,ref=" + cache}
	img := b.build(t)

	index := b.pushed(t, img.Digest)
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{given["value"], given["variable"], given["file"]} {
		if !strings.Contains(file(t, image, "sums"), sum(secret)) {
			t.Fatalf("the build saw other secrets than were given: %s", file(t, image, "sums"))
		}
	}

	places := map[string][]byte{"the log": b.log.Bytes(), "argument lists": bed.Calls(t), "metadata": img.Metadata}
	for _, ref := range []string{b.o.Refs[0], cache} {
		for digest, blob := range blobs(t, ref) {
			places["blob "+digest+" of "+ref] = blob
		}
	}
	if len(places) < 12 {
		t.Errorf("only %d places were searched", len(places))
	}
	readAll(t, root, places)
	for _, dir := range []string{bed.ConfigDir, b.o.Context} {
		readAll(t, dir, places)
	}
	seen := 0 // of what the build made of a secret: the search does find things
	for where, text := range places {
		if bytes.Contains(text, []byte(sum(given["file"]))) {
			seen++
		}
		for kind, secret := range given {
			for _, form := range forms(secret) {
				if bytes.Contains(text, []byte(form)) {
					t.Errorf("secret %q is in %s", kind, where)
				}
			}
		}
	}
	if seen < 3 {
		t.Errorf("what the build wrote into a layer was found in %d places, want image, cache and builder", seen)
	}
}

// forms are what a secret may look like: each of its lines, and in base64.
func forms(secret string) []string {
	return append(strings.Split(secret, "\n"), base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("me:"+secret)))
}

// readAll adds all files below dir.
func readAll(t *testing.T, dir string, places map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		places[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
