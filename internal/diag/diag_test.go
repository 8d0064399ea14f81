package diag

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
	dir := filepath.Join(t.TempDir(), "diagnostics")
	if err := os.MkdirAll(filepath.Join(dir, "of-yesterday"), 0o700); err != nil {
		t.Fatal(err)
	}
	begin := time.Unix(0, 0)
	err := Gather(context.Background(), Case{
		Dir: dir, Cause: errors.New("db: exited"),
		Steps: []engine.Result{
			{ID: "db", Err: errors.New("exited"), Start: begin, End: begin.Add(1500 * time.Millisecond), Attempts: 2},
			{ID: "web", Outcome: engine.Blocked, Needs: []string{"db"}},
			{ID: "net", Outcome: engine.Created, Start: begin, End: begin.Add(time.Second)},
		},
		Components: []catalog.Component{{Name: "db", Driver: "d", Description: "Keeps data"}, {Name: "broken", Driver: "d"}, {Name: "mute", Driver: "none"}},
		Drivers:    map[string]engine.Driver{"d": talkative{}},
		Env:        engine.Env{Name: "lab", Secrets: map[string]string{"db-password": "hunter2"}},
		Sources: []Source{{"machine", func(_ context.Context, write func(name, text string)) error {
			write("memory.txt", base64.StdEncoding.EncodeToString([]byte("hunter2")))
			return nil
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"cause.txt":          "db: exited\n\ndb                   failed after 1.5s (tries: 2): exited\nweb                  never started, needs db\nnet                  created in 1s\n",
		"db/log.txt":         "password is <db-password>",
		"db/escape.txt":      "x",
		"broken/errors.txt":  "no more to be had\n",
		"machine/memory.txt": "<db-password>",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
	}
	index, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"db: exited", "## db\nKeeps data\n", "- [log.txt](db/log.txt), 25 bytes", "- [memory.txt](machine/memory.txt), 13 bytes: memory of the machine", "- [cause.txt](cause.txt)"} {
		if !strings.Contains(string(index), want) {
			t.Errorf("README.md lacks %q:\n%s", want, index)
		}
	}
	for _, name := range []string{"mute", "of-yesterday"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("there is a folder %s", name)
		}
	}
}

// A collector that hangs costs the limit and no more, and what the others had
// gathered is there.
func TestGather_KeepsToTheLimit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "diagnostics")
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		hang := make(chan struct{})
		defer close(hang)
		err := Gather(context.Background(), Case{
			Dir: dir, Cause: errors.New("x"),
			Sources: []Source{
				{"dead", func(context.Context, func(name, text string)) error { <-hang; return nil }},
				{"good", func(_ context.Context, write func(name, text string)) error { write("a.txt", "a"); return nil }},
			},
		})
		if took := time.Since(start); err != nil || took != defaultLimit+grace { // by the clock of the bubble
			t.Errorf("got %v after %s", err, took)
		}
	})
	for _, name := range []string{"good/a.txt", "errors.txt", "README.md"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestWriter_KeepsTheEndOfALongText(t *testing.T) {
	w := newWriter(t.TempDir(), nil)
	w.write("", "log", strings.Repeat("a", maxFile)+"the fault")
	got, err := os.ReadFile(filepath.Join(w.dir, "log"))
	if err != nil || !strings.HasSuffix(string(got), "the fault") || !strings.HasPrefix(string(got), "(9 bytes before this are left out)") {
		t.Errorf("got %.60q, %v", got, err)
	}
}

// What is made of a credential is hidden in each form that a log, a URL or a
// Secret can show it in.
func TestWriter_HidesSecretsInEveryForm(t *testing.T) {
	key := "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAtwenty\nab\n-----END RSA PRIVATE KEY-----\n"
	secrets := map[string]string{"db-password": `a"b/c`, "apps/db/dsn": `postgresql://n8n:a"b/c@pg:5432/n8n`, "longer": `a"b/c-and-more`, "key": key}
	w := newWriter(t.TempDir(), secrets)
	text := "words ab stay\n"
	for _, value := range secrets {
		quoted, _ := json.Marshal(value)
		text += strings.Join([]string{value, string(quoted), url.QueryEscape(value), base64.StdEncoding.EncodeToString([]byte(value)), "    " + strings.ReplaceAll(value, "\n", "\n    ")}, "\n") + "\n"
	}
	w.write("", "log", text)
	got, err := os.ReadFile(filepath.Join(w.dir, "log"))
	if err != nil || !strings.Contains(string(got), "words ab stay") {
		t.Fatalf("%v:\n%s", err, got)
	}
	for _, shown := range []string{`a"b/c`, `a\"b`, "a%22b", base64.StdEncoding.EncodeToString([]byte(secrets["apps/db/dsn"])), base64.StdEncoding.EncodeToString([]byte(key)), "MIIEow", "and-more"} {
		if strings.Contains(string(got), shown) {
			t.Errorf("it shows %s:\n%s", shown, got)
		}
	}
}
