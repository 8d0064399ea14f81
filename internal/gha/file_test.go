package gha

import (
	"errors"
	"strings"
	"testing"

	"github.com/sethvargo/go-githubactions"
)

// forgery is a commit message that sets verdict=passed when it is written with
// the delimiter of the library.
const forgery = "fix: typo\n_GitHubActionsFileCommandDelimeter_\nverdict<<X\npassed\nX\nz<<_GitHubActionsFileCommandDelimeter_"

func TestOutput_CannotBeForged(t *testing.T) {
	s := newStep(t)
	if err := s.Output("reason", forgery); err != nil {
		t.Fatal(err)
	}
	pairs, err := readPairs(s.file(t, "OUTPUT"))
	if err != nil || len(pairs) != 1 || pairs[0] != [2]string{"reason", forgery} {
		t.Errorf("the runner reads %q, %v", pairs, err)
	}
}

// TestLibrary_CanBeForged shows why this package does not use SetOutput. When it
// fails, the library has closed the hole and the reason is gone.
func TestLibrary_CanBeForged(t *testing.T) {
	s := newStep(t)
	githubactions.New(githubactions.WithGetenv(s.getenv)).SetOutput("reason", forgery)
	pairs, err := readPairs(s.file(t, "OUTPUT"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range pairs {
		if pair == [2]string{"verdict", "passed"} {
			return
		}
	}
	t.Errorf("the library wrote %q, which forges nothing", pairs)
}

func FuzzOutput(f *testing.F) {
	for _, value := range []string{"", "a", "\n", "\r\n", "a\n", "\na", "a\rb", "x=y", "x<<y\nz\ny", forgery, "\xff", "\ufeffa", "\x00"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		s := newStep(t)
		want := strings.ToValidUTF8(value, "\ufffd")
		for key, write := range map[string]func(string, string) error{"OUTPUT": s.Output, "ENV": s.Env} {
			if err := write("key", value); err != nil {
				t.Fatal(err)
			}
			pairs, err := readPairs(s.file(t, key))
			if err != nil || len(pairs) != 1 || pairs[0] != [2]string{"key", want} {
				t.Errorf("%s: wrote %q, the runner reads %q, %v", key, value, pairs, err)
			}
		}
	})
}

func TestPair_RefusesItsOwnDelimiter(t *testing.T) {
	s := newStep(t)
	s.random = func() string { return "hy_guessed" }
	if err := s.Output("reason", "x\nhy_guessed\nverdict=passed"); !errors.Is(err, errDelimiter) {
		t.Errorf("got %v, want %v", err, errDelimiter)
	}
	if got := s.file(t, "OUTPUT"); got != "" {
		t.Errorf("written: %q", got)
	}
}

func TestFileCommands_RefuseWhatIsNoName(t *testing.T) {
	s := newStep(t)
	for _, name := range []string{"", "a b", "a=b", "a<<b", "a\nb", "1a", "Ä"} {
		if s.Output(name, "x") == nil {
			t.Errorf("output %q was taken", name)
		}
		if s.Env(name, "x") == nil {
			t.Errorf("variable %q was taken", name)
		}
	}
	for _, name := range []string{"PATH", "LD_PRELOAD", "BASH_ENV", "NODE_OPTIONS", "Path"} {
		if s.Env(name, "x") == nil {
			t.Errorf("variable %s was taken", name)
		}
	}
	for _, dir := range []string{"", "/a\n/b", "/a\r"} {
		if s.Path(dir) == nil {
			t.Errorf("path %q was taken", dir)
		}
	}
}

func TestFileCommands_WithoutTheFile(t *testing.T) {
	unset := newStep(t, "GITHUB_OUTPUT=")
	if err := unset.Output("a", "b"); err == nil || !strings.Contains(err.Error(), "GITHUB_OUTPUT is not set") {
		t.Errorf("got %v", err)
	}
	gone := newStep(t, "GITHUB_OUTPUT=/nonexistent/output")
	if err := gone.Output("a", "b"); err == nil || !strings.Contains(err.Error(), "write to GITHUB_OUTPUT") {
		t.Errorf("got %v", err)
	}
}

func TestPath_IsOneLine(t *testing.T) {
	s := newStep(t)
	if err := s.Path("/opt/tools/bin"); err != nil {
		t.Fatal(err)
	}
	if got, want := s.file(t, "PATH"), "/opt/tools/bin"+githubactions.EOF; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
