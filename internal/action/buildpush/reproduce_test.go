package buildpush

import (
	"archive/tar"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// saving lets "docker save" write an archive of an image whose one file has the
// content that is handed in for each time.
func (w *world) saving(t *testing.T, contents ...string) {
	next := w.Handler
	w.Handler = func(c run.Cmd) (run.Result, error) {
		if c.Args[0] != "save" {
			return next(c)
		}
		f, err := os.Create(strings.TrimPrefix(c.Args[1], "--output="))
		do(t, err)
		defer f.Close()
		a := tar.NewWriter(f)
		for name, text := range map[string]string{
			"manifest.json": `[{"Config":"config.json","Layers":[]}]`,
			"config.json":   `{"architecture":"amd64","os":"linux","comment":"` + contents[0] + `"}`,
		} {
			do(t, a.WriteHeader(&tar.Header{Name: name, Size: int64(len(text))}))
			_, err := a.Write([]byte(text))
			do(t, err)
		}
		contents = contents[1:]
		return run.Result{}, a.Close()
	}
}

func TestRun_VerifyReproducible(t *testing.T) {
	w := newWorld(t)
	w.saving(t, "a", "a")
	o := options(t, w)
	o.VerifyReproducible = true
	res, err := Run(t.Context(), o)
	if err != nil || len(w.builds()) != 3 || res.Ref() == "" {
		t.Fatalf("%+v, %v", res, err)
	}
	for i, args := range w.builds() {
		line := strings.Join(args, " ")
		if strings.Contains(line, "--no-cache") != (i < 2) || strings.Contains(line, "--tag") != (i == 2) {
			t.Errorf("build %d: %s", i, line)
		}
	}
}

func TestRun_WhatDiffersIsNotPushed(t *testing.T) {
	w := newWorld(t)
	w.saving(t, "a", "b")
	o := options(t, w)
	o.VerifyReproducible = true
	res, err := Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), `configuration: comment is "a" and "b"`) || len(w.builds()) != 2 || res.Ref() != "" {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestRun_Epoch(t *testing.T) {
	for given, want := range map[string]string{"": "SOURCE_DATE_EPOCH=1700000000", "12": "SOURCE_DATE_EPOCH=12", NoEpoch: ""} {
		w := newWorld(t)
		o := options(t, w)
		o.Epoch = given
		if _, err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range w.Calls() {
			for _, e := range c.Env {
				if strings.HasPrefix(e, "SOURCE_DATE_EPOCH=") {
					got = e
				}
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}

func TestRun_RewriteTimestampNeedsBuildx(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.RewriteTimestamp = true
	if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || len(w.builds()) != 0 {
		t.Errorf("%v", err)
	}
	w.buildx = true
	o.VerifyReproducible = false
	if _, err := Run(t.Context(), o); err != nil || !slices.Contains(w.builds()[0], "--output=type=image,rewrite-timestamp=true") {
		t.Errorf("%v, %q", err, w.builds())
	}
}
