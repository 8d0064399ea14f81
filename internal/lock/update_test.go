package lock

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
)

func TestUpdate(t *testing.T) {
	cat := catalog.Catalog{Components: []catalog.Component{
		{Name: "a", Images: []string{"quay.io/a/a:1", "docker.io/kindest/node:v1@" + digestA}},
		{Name: "b", Images: []string{"quay.io/a/a:1", "ghcr.io/b/b:2"}},
	}}
	old := Lock{Head: "# head\n", Images: []Image{
		{Ref: "quay.io/a/a:1", Digest: digestB, Size: 5},
		{Ref: "quay.io/gone/gone:1", Digest: digestB},
		{Ref: "ghcr.io/b/b:2", Digest: digestB, Size: 6},
	}}
	answers := map[string]Image{"quay.io/a/a:1": {Digest: digestA, Size: 9}}
	ask := func(ref string) (Image, error) {
		if i, ok := answers[ref]; ok {
			return i, nil
		}
		return Image{}, fmt.Errorf("%s: %w", ref, ErrUnreachable)
	}
	updated, kept, err := Update(cat, old, Sources{Image: ask})
	if err != nil {
		t.Fatal(err)
	}
	want := []Image{
		{Ref: "docker.io/kindest/node:v1", Digest: digestA},
		{Ref: "ghcr.io/b/b:2", Digest: digestB, Size: 6},
		{Ref: "quay.io/a/a:1", Digest: digestA, Size: 9},
	}
	if !reflect.DeepEqual(updated.Images, want) || updated.Head != old.Head {
		t.Errorf("got %+v", updated)
	}
	if !reflect.DeepEqual(kept, []string{"docker.io/kindest/node:v1", "ghcr.io/b/b:2"}) {
		t.Errorf("kept %v", kept)
	}
	changes := Diff(old, updated)
	if len(changes) != 3 || changes[2] != (Change{"image", "quay.io/gone/gone:1", digestB, ""}) {
		t.Errorf("changes %+v", changes)
	}

	answers["docker.io/kindest/node:v1"] = Image{Digest: digestB}
	if _, _, err := Update(cat, old, Sources{Image: ask}); err == nil || !strings.Contains(err.Error(), digestA) || !strings.Contains(err.Error(), digestB) {
		t.Errorf("a digest of the catalog that its registry denies: %v", err)
	}
	broken := errors.New("500")
	if _, _, err := Update(cat, old, Sources{Image: func(string) (Image, error) { return Image{}, broken }}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestUpdate_AsksRepositoriesForTheirCharts(t *testing.T) {
	settings := map[string]any{"repository": "https://charts.example", "chart": "web", "version": "1.2.3"}
	cat := catalog.Catalog{Components: []catalog.Component{{Name: "web", Driver: "helm", Settings: settings}}}
	asked := Chart{Component: "web", Repository: "https://charts.example", Name: "web", Version: "1.2.3"}
	updated, kept, err := Update(cat, Lock{}, Sources{Chart: func(c Chart) (string, error) {
		if c != asked {
			t.Errorf("asked for %+v", c)
		}
		return digestA, nil
	}})
	if err != nil || len(kept) != 0 || updated.DigestOf(asked) != digestA {
		t.Fatal(updated, kept, err)
	}
	silent := Sources{Chart: func(Chart) (string, error) { return "", ErrUnreachable }}
	if again, kept, err := Update(cat, updated, silent); err != nil || again.DigestOf(asked) != digestA || len(kept) != 1 {
		t.Errorf("out of reach: %+v, kept %v, %v", again, kept, err)
	}
	settings["version"] = "1.2.4" // of which the old lock knows nothing
	if again, _, err := Update(cat, updated, silent); err != nil || again.DigestOf(asked) != "" {
		t.Errorf("another version: %+v, %v", again, err)
	}
}
