package builder

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/buildkit"
)

func TestBed_LinksStayInTheContext(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "outside")
	write(t, secret, "outside-4715")
	bed := buildkit.New(t)
	bed.Start(t)
	for _, mode := range []string{"buildx", "classic"} {
		for _, c := range []struct{ name, link, dockerfile string }{
			{"a link to a file outside", secret, "FROM scratch\nCOPY link /got\n"},
			{"a link out by ..", "../" + filepath.Base(filepath.Dir(secret)) + "/outside", "FROM scratch\nCOPY link /got\n"},
			{"a linked directory", filepath.Dir(secret), "FROM scratch\nCOPY link/outside /got\n"},
			{"the path itself", ".", "FROM scratch\nCOPY ../" + filepath.Base(filepath.Dir(secret)) + "/outside /got\n"},
			{"all of the context", secret, "FROM scratch\nCOPY . /\n"},
		} {
			b := newBedBuild(t, bed, map[string]string{"Dockerfile": c.dockerfile})
			b.o.Push, b.o.Outputs = false, []string{"type=local,dest=" + t.TempDir()}
			if err := os.Symlink(c.link, filepath.Join(b.o.Context, "link")); err != nil {
				t.Fatal(err)
			}
			if mode == "classic" {
				b.o.Outputs = nil
				b.tool = Tool{Mode: Engine, api: engineAPI()}
			}
			img, err := Build(t.Context(), run.Exec{}, b.tool, b.o)
			if err != nil && c.name == "all of the context" {
				t.Errorf("%s: %v", mode, err)
			}
			places := map[string][]byte{"log": b.log.Bytes()}
			switch {
			case mode == "buildx":
				readAll(t, attribute(b.o.Outputs[0], "dest"), places)
			case err == nil:
				places["image"] = []byte(bed.Run(t, "save", img.ID))
			}
			for where, text := range places {
				if bytes.Contains(text, []byte("outside-4715")) {
					t.Errorf("%s, %s: the file outside of the context is in the %s", mode, c.name, where)
				}
			}
		}
	}
}
