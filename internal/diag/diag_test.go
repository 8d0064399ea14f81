package diag

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

type talkative struct{}

func (talkative) Apply(context.Context, catalog.Component, engine.Env) (engine.Outcome, error) {
	return "", nil
}

func (talkative) Remove(context.Context, catalog.Component, engine.Env) (engine.Outcome, error) {
	return "", nil
}

func (talkative) Collect(_ context.Context, c catalog.Component, _ engine.Env, write func(name, text string)) error {
	write("log.txt", "password is hunter2")
	write("../../escape.txt", "x")
	if c.Name == "broken" {
		return errors.New("no more to be had")
	}
	return nil
}

func TestGather(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	env := engine.Env{Secrets: map[string]string{"db-password": "hunter2"}}
	cs := []catalog.Component{{Name: "db", Driver: "d"}, {Name: "broken", Driver: "d"}, {Name: "mute", Driver: "none"}}
	err := Gather(context.Background(), dir, errors.New("db: exited"), cs, map[string]engine.Driver{"d": talkative{}}, env)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"cause.txt":         "db: exited\n",
		"db/log.txt":        "password is <db-password>",
		"db/escape.txt":     "x",
		"broken/errors.txt": "no more to be had\n",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "mute")); !os.IsNotExist(err) {
		t.Error("a driver without evidence got a folder")
	}
}
