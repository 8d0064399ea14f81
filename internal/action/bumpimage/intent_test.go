package bumpimage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/buenhyden/hy-home/internal/gitrepo"
)

// endless is a tree of which one file is never read to its end.
type endless struct {
	gitrepo.Tree
	reading, end chan struct{}
}

func (e endless) ReadFile(name string) ([]byte, error) {
	if name == "app.yaml" {
		close(e.reading)
		<-e.end
	}
	return fs.ReadFile(e.Tree, name)
}

// Whatever kustomize is made to do, a run ends when its time is over.
func TestIntent_EndsInTime(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"kustomization.yaml": "resources: [app.yaml]\n", "app.yaml": "kind: [\n"} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	b := &bump{Options: options(dir, "reg.example/app:v2"), from: map[string]string{}}
	b.Paths = []string{"."}
	if err := b.parse(); err != nil {
		t.Fatal(err)
	}
	tree := endless{gitrepo.Directory(root), make(chan struct{}), make(chan struct{})}
	defer close(tree.end)
	over := errors.New("time is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-tree.reading
		cancel(over)
	}()
	if _, err := b.intent(ctx, tree); !errors.Is(err, over) {
		t.Errorf("err = %v", err)
	}
}
