package plain

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// script writes an executable shell script.
func script(t *testing.T, path, body string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// programs makes a BinDir in which every program does the same.
func programs(t *testing.T, body string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{Hyperkube, Kwok, Rollouts, "prometheus"} {
		script(t, filepath.Join(dir, name), body)
	}
	return dir
}

func TestUp_ProgramEnds(t *testing.T) {
	bin, dir := programs(t, "echo no space left >&2; exit 3"), t.TempDir()
	script(t, filepath.Join(bin, "prometheus"), "exec sleep 600")
	_, err := Up(t.Context(), Options{Dir: dir, BinDir: bin, Prometheus: filepath.Join(bin, "prometheus"), Timeout: time.Hour}) // it is told at once or never
	if err == nil || !strings.Contains(err.Error(), "ended: exit status 3") || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error %v: want which program ended, how, and what it said", err)
	}
	if _, err := Open(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open after a failed Up: %v, want that there is no bed", err)
	}
}

func TestUp_OutOfTime(t *testing.T) {
	bin := programs(t, "exec sleep 600")
	_, err := Up(t.Context(), Options{Dir: t.TempDir(), BinDir: bin, Prometheus: filepath.Join(bin, "prometheus"), Timeout: 300 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "waiting for the API server: not ready within 300ms") {
		t.Errorf("error %v: want what was waited for and how long", err)
	}
}

func TestUp_BadInput(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "thesis.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	bin := programs(t, "exit 1")
	for _, tt := range []struct {
		name, want string
		o          Options
	}{
		{"no executables", "hyperkube is missing", Options{Dir: t.TempDir(), BinDir: t.TempDir()}},
		{"no prometheus", "no-such-prometheus (Debian package prometheus) is missing", Options{Dir: t.TempDir(), BinDir: bin, Prometheus: "no-such-prometheus"}},
		{"foreign directory", "holds something that is not a test bed", Options{Dir: full, BinDir: bin, Prometheus: filepath.Join(bin, "prometheus")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Up(t.Context(), tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) || exit.Code(err) != exit.BadInput {
				t.Errorf("error %v (exit code %d), want bad input: %q", err, exit.Code(err), tt.want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(full, "thesis.txt")); err != nil {
		t.Errorf("a foreign file is gone: %v", err)
	}
}

// A bed that another process started is found and ended by its record, but a
// number that now belongs to another process is left alone.
func TestDown_OnlyItsOwn(t *testing.T) {
	dir := t.TempDir()
	procs := newProcesses(func(error) {})
	for _, name := range []string{"ours", "other"} {
		if err := procs.start(name, exec.Command("sleep", "600"), filepath.Join(dir, name+".log"), true); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = procs.end() })
	ours, other := procs.list[0], procs.list[1]
	procs.list[1].Started = "1" // as if the number had been used again
	if err := procs.save(dir, "https://127.0.0.1:1", "http://127.0.0.1:2"); err != nil {
		t.Fatal(err)
	}
	procs.list[1] = other

	bed, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if bed.APIServer != "https://127.0.0.1:1" || bed.Prometheus != "http://127.0.0.1:2" {
		t.Errorf("Open: %+v", bed)
	}
	if err := bed.Down(); err != nil {
		t.Fatal(err)
	}
	if ours.alive() {
		t.Error("Down did not end the bed's process")
	}
	if !other.alive() {
		t.Error("Down ended a process that is not the bed's")
	}
}

// Tied processes end with their parent even if it is killed.
func TestTied(t *testing.T) {
	if dir := os.Getenv("PLAIN_TEST_PARENT"); dir != "" {
		procs := newProcesses(func(error) {})
		if err := procs.start("child", exec.Command("sleep", "600"), filepath.Join(dir, "log"), true); err != nil {
			t.Fatal(err)
		}
		if err := procs.save(dir, "", ""); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	dir := t.TempDir()
	parent := exec.Command(os.Args[0], "-test.run=^TestTied$", "-test.timeout=2m")
	parent.Env = append(os.Environ(), "PLAIN_TEST_PARENT="+dir)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var rec record
	err := await(ctx, "the record", func(context.Context) (err error) {
		rec, err = readRecord(dir)
		return err
	})
	_ = parent.Process.Kill()
	_ = parent.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := await(ctx, "the child's end", func(context.Context) error {
		if rec.Processes[0].alive() {
			return errors.New("pid " + strconv.Itoa(rec.Processes[0].PID) + " runs")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestFetchCRDs(t *testing.T) {
	module, bin := t.TempDir(), t.TempDir()
	crds := filepath.Join(module, "manifests", "crds")
	if err := os.MkdirAll(crds, 0o755); err != nil {
		t.Fatal(err)
	}
	const schema = `metadata: {name: a}
spec:
  schema:
    description: goes
    properties: {description: {type: string, description: goes}}
    default: {description: stays}`
	for name, text := range map[string]string{"a-crd.yaml": schema, "kustomization.yaml": "resources: [a-crd.yaml]"} {
		if err := os.WriteFile(filepath.Join(crds, name), []byte("apiVersion: v1\nkind: K\n"+text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	runner := &run.Fake{Handler: func(run.Cmd) (run.Result, error) {
		return run.Result{Stdout: `{"Dir": ` + strconv.Quote(module) + `}`}, nil
	}}
	if err := FetchCRDs(t.Context(), runner, bin); err != nil {
		t.Fatal(err)
	}
	got, err := loadCRDs(t.Context(), bin)
	if err != nil {
		t.Fatal(err)
	}
	want := []*unstructured.Unstructured{{Object: map[string]any{
		"apiVersion": "v1", "kind": "K", "metadata": map[string]any{"name": "a"},
		"spec": map[string]any{"schema": map[string]any{
			"properties": map[string]any{"description": map[string]any{"type": "string"}},
			"default":    map[string]any{"description": "stays"},
		}},
	}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("CRDs\n%v, want\n%v", got, want)
	}
}

func TestScrape_BadJob(t *testing.T) {
	for _, job := range []string{"", "../x", ".x", "a/b"} {
		if err := (&Bed{Dir: t.TempDir()}).Scrape(job, "127.0.0.1:1"); exit.Code(err) != exit.BadInput {
			t.Errorf("job %q: %v, want bad input", job, err)
		}
	}
}

// The CRDs are those of the controller.
func TestRolloutsVersion(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join("..", "parts", "argo-rollouts", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "require github.com/argoproj/argo-rollouts " + rolloutsVersion + "\n"; !strings.Contains(string(mod), want) {
		t.Errorf("the part argo-rollouts does not say %q", want)
	}
}
