package same

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	logutil "github.com/argoproj/argo-rollouts/utils/log"
)

// questions is how many of each kind are asked; the seed is fixed, so that a
// difference once found is found again.
const questions = 6000

func random(kind uint64) *rand.Rand { return rand.New(rand.NewPCG(kind, 2026)) }

var made string // the directory of what was built

// built is the product, built once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hy-home-same-")
	if err != nil {
		return "", err
	}
	made = dir
	path := filepath.Join(dir, "hyaction")
	build := exec.Command("go", "build", "-o", path, "./cmd/hyaction")
	build.Dir = filepath.Join("..", "..", "..", "..")
	build.Env = append(os.Environ(), "GOFLAGS=-trimpath", "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	return path, build.Run()
})

func TestMain(m *testing.M) {
	logutil.WithAnalysisRun(&v1alpha1.AnalysisRun{}).Logger.SetOutput(io.Discard) // thousands of lines
	code := m.Run()
	if made != "" {
		os.RemoveAll(made)
	}
	os.Exit(code)
}

// ask answers one JSON line for each question.
func ask[T any](t *testing.T, command string, asked []any) []T {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatalf("build hyaction: %v", err)
	}
	var in, out, faults bytes.Buffer
	for _, q := range asked {
		line, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.Command(path, "canary-gate", command, "--batch")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &faults
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, faults.String())
	}
	var answers []T
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var a T
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(asked) {
		t.Fatalf("%s: %d answers to %d questions", command, len(answers), len(asked))
	}
	return answers
}

// differ counts a difference and shows the first few.
func differ(t *testing.T, found *int, question any, format string, args ...any) {
	t.Helper()
	*found++
	if *found > 5 {
		return
	}
	text, _ := json.Marshal(question)
	t.Errorf(format, args...)
	t.Logf("  asked: %s", text)
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// maybe returns v or, about as often, nothing.
func maybe[T any](r *rand.Rand, v T) *T {
	if r.IntN(2) == 0 {
		return nil
	}
	return &v
}
