package compose

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

// A data tier as a design document has it, taken as it is.
func TestLint_DesignGolden(t *testing.T) {
	root, err := filepath.Abs("testdata/design")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "*.yml"))
	if err != nil || len(files) != 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	u, err := loadUser(t.Context(), users(root, names...), usersEnv(t))
	if err != nil {
		t.Fatal(err)
	}
	findings, err := u.lint(16 << 30)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.String() + "\n")
	}
	golden.Compare(t, "design.txt", b.String())
}
