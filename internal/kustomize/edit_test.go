package kustomize

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

// Each file of testdata/edit has the arguments ("images"), the file before ("in")
// and either the file after ("want") or the refusal ("error"). The suffix .crlf
// stands for Windows line ends, .noeol for no line end on the last line.
func TestEdit_Golden(t *testing.T) {
	files, err := filepath.Glob("testdata/edit/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var images []Image
			var in []byte
			for _, f := range a.Files {
				switch name, _, _ := strings.Cut(f.Name, "."); name {
				case "images":
					images = mustParse(t, strings.Fields(string(f.Data))...)
				case "in":
					in = content(f)
				}
			}
			original := bytes.Clone(in)
			got, err := Edit(in, images...)
			if !bytes.Equal(in, original) {
				t.Error("Edit changed its input")
			}
			last := &a.Files[len(a.Files)-1]
			if err != nil {
				if exit.Code(err) != exit.BadInput {
					t.Errorf("exit code %d, want %d", exit.Code(err), exit.BadInput)
				}
				check(t, file, a, last, "error", err.Error()+"\n")
				return
			}
			name, ext, dot := strings.Cut(last.Name, ".")
			if dot {
				ext = "." + ext
			}
			if name == "want" && !golden.Update() && !bytes.Equal(got, content(*last)) {
				t.Errorf("got:\n%q\nwant:\n%q", got, content(*last))
			}
			text := strings.ReplaceAll(string(got), "\r\n", "\n")
			if ext == ".noeol" {
				text += "\n"
			}
			check(t, file, a, last, "want"+ext, text)

			again, err := Edit(got, images...)
			if err != nil || !bytes.Equal(again, got) {
				t.Errorf("a second run is not idempotent (%v):\n%s", err, again)
			}
		})
	}
}

func check(t *testing.T, file string, a *txtar.Archive, last *txtar.File, name, got string) {
	t.Helper()
	if golden.Update() {
		last.Name, last.Data = name, []byte(got)
		if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if last.Name != name || string(last.Data) != got {
		t.Errorf("got %s:\n%s\nwant %s:\n%s", name, got, last.Name, last.Data)
	}
}

func content(f txtar.File) []byte {
	switch filepath.Ext(f.Name) {
	case ".crlf":
		return bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))
	case ".noeol":
		return bytes.TrimSuffix(f.Data, []byte("\n"))
	}
	return f.Data
}

func mustParse(t testing.TB, args ...string) []Image {
	t.Helper()
	var images []Image
	for _, arg := range args {
		img, err := ParseImage(arg)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, img)
	}
	return images
}

// editSets are what FuzzEdit sets: fixed, as hardly any mutation of an argument is valid.
var editSets = [][]string{
	{"app:v2"},
	{"app=other:1.10", "new:on"},
	{"app=*:v2@*"},
	{"app@" + digest},
	{"app=mirror.example:5000/app:v2@" + digest, "redis:7"},
}

// FuzzEdit holds Edit to its promise on any file: it refuses as bad input, or gives
// what kustomize's own command means (verify, called by Edit, says so) and is
// idempotent.
func FuzzEdit(f *testing.F) {
	files, _ := filepath.Glob("testdata/edit/*.txtar")
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, section := range a.Files {
			if strings.HasPrefix(section.Name, "in") {
				for i := range editSets {
					f.Add(content(section), uint8(i))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, file []byte, set uint8) {
		images := mustParse(t, editSets[int(set)%len(editSets)]...)
		got, err := Edit(file, images...)
		if err != nil {
			if exit.Code(err) != exit.BadInput {
				t.Fatalf("%v: exit code %d", err, exit.Code(err))
			}
			return
		}
		if was, is := commentLines(file), commentLines(got); !slices.Equal(was, is) {
			t.Fatalf("comments %q became %q", was, is)
		}
		again, err := Edit(got, images...)
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("not idempotent (%v):\n%q\n%q", err, got, again)
		}
	})
}

// commentLines are the lines that hold a comment alone, and the comments behind something else
// where no quote leaves in doubt that they are some.
func commentLines(file []byte) []string {
	var found []string
	for line := range strings.Lines(string(file)) {
		line = strings.TrimRight(line, "\r\n")
		at := strings.LastIndex(line, " #")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "#"):
			found = append(found, line)
		case at >= 0 && !strings.ContainsAny(line[at:], "'\""):
			found = append(found, line[at:])
		}
	}
	return found
}
