package gha

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sethvargo/go-githubactions"
)

// step is a step of a job: a runner, what it printed, and its files.
type step struct {
	*Runner
	out, err bytes.Buffer
	dir      string
}

func newStep(t testing.TB, environ ...string) *step {
	t.Helper()
	s := &step{dir: t.TempDir()}
	env := map[string]string{"GITHUB_ACTIONS": "true"}
	for _, name := range []string{"OUTPUT", "ENV", "PATH", "STEP_SUMMARY"} {
		env["GITHUB_"+name] = filepath.Join(s.dir, name)
	}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	s.Runner = New(&s.out, &s.err, func(name string) string { return env[name] })
	return s
}

func (s *step) file(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

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

func TestSummary_StaysBelowTheCap(t *testing.T) {
	s := newStep(t)
	row := "| " + strings.Repeat("é", 40) + " |\n"
	for range 3 {
		if err := s.Summary(strings.Repeat(row, 5000)); err != nil {
			t.Fatal(err)
		}
	}
	text := s.file(t, "STEP_SUMMARY")
	if len(text) > summaryCap+10 {
		t.Errorf("%d bytes, want at most %d", len(text), summaryCap)
	}
	if n := strings.Count(text, summaryNote); n != 1 {
		t.Errorf("the note is there %d times, want once", n)
	}
	if !utf8.ValidString(text) {
		t.Error("a character was cut in two")
	}
}

func TestSummary_CutsOneLongLineBetweenCharacters(t *testing.T) {
	s := newStep(t)
	if err := s.Summary(strings.Repeat("é", summaryCap)); err != nil {
		t.Fatal(err)
	}
	if text := s.file(t, "STEP_SUMMARY"); !utf8.ValidString(text) || len(text) < summaryCap-200 {
		t.Errorf("%d bytes, valid UTF-8: %v", len(text), utf8.ValidString(text))
	}
}

func TestError_IsOneCommand(t *testing.T) {
	s := newStep(t)
	s.Error("canary-gate: a,b", "50% wrong\r\n::set-output name=verdict::passed")
	want := "::error title=canary-gate%3A a%2Cb::50%25 wrong%0D%0A::set-output name=verdict::passed" + githubactions.EOF
	if got := s.out.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAnnotations_StopAtTen(t *testing.T) {
	s := newStep(t)
	for range annotationCap + 3 {
		s.Warning("", strings.Repeat("é", messageCap))
	}
	s.Notice("", "another kind has its own ten")
	got := commandsIn(s.out.String())
	if len(got) != annotationCap+1 || got[annotationCap] != "notice" {
		t.Errorf("got %d commands %q, want %d warnings and a notice", len(got), got, annotationCap)
	}
	first, _, _ := strings.Cut(s.out.String(), "\n")
	if message := strings.TrimPrefix(first, "::warning::"); len(message) > messageCap || !utf8.ValidString(message) || !strings.HasSuffix(message, " …") {
		t.Errorf("the message has %d bytes and ends with %q", len(message), message[len(message)-8:])
	}
}

func FuzzSay(f *testing.F) {
	for _, text := range []string{
		"pulling image", "::error::x", "  \t::error::x", "a\n::add-mask::x", "log ##[error]x", "a\r::error::x",
		"\u200b::error::x", "\x00::error::x", "#\u00ad#[error]x", ":\u0301:error::x", "\ufeff::error::",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := newStep(t)
		s.Say(text)
		s.Foreign(text)
		s.Output("a", text)
		if got := commandsIn(s.out.String()); len(got) > 0 {
			t.Errorf("%q runs the commands %q", text, got)
		}
	})
}

func TestForeign_ResumesAfterwards(t *testing.T) {
	s := newStep(t)
	s.Foreign("::error::not mine\n")
	s.Error("", "mine")
	if got := commandsIn(s.out.String()); len(got) != 1 || got[0] != "error" {
		t.Errorf("got %q, want my error alone", got)
	}
	if !strings.Contains(s.out.String(), "\n::error::not mine\n") {
		t.Errorf("foreign text was changed: %q", s.out.String())
	}
}

func TestMask_CoversLinesAndBase64(t *testing.T) {
	s := newStep(t)
	s.Mask("first line\n{\nsecond\n")
	want := "::add-mask::first line\n::add-mask::second\n::add-mask::" +
		base64.StdEncoding.EncodeToString([]byte("first line\n{\nsecond")) + "\n"
	if got := s.out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s.out.Reset()
	if s.Mask(" \n"); s.out.Len() > 0 {
		t.Errorf("an empty secret gave %q", s.out.String())
	}
}

func TestGroup_DoesNotNest(t *testing.T) {
	s := newStep(t)
	err := s.Group("outer", func() error {
		s.Say("in outer")
		return s.Group("inner", func() error {
			s.Say("in inner")
			return errors.New("broken")
		})
	})
	want := "::group::outer\nin outer\ninner\nin inner\n::endgroup::\n"
	if got := s.out.String(); got != want || err == nil {
		t.Errorf("got %q and %v, want %q and an error", got, err, want)
	}
}

func TestTerminal_ReadsWell(t *testing.T) {
	s := newStep(t, "GITHUB_ACTIONS=")
	s.Mask("secret")
	_ = s.Group("Building", func() error {
		s.Say("step 1")
		return nil
	})
	s.Foreign("::error::as it is")
	s.Warning("x", "take care")
	_ = s.Env("KUBECONFIG", "/tmp/config")
	_ = s.Output("digest", "sha256:abc")
	_ = s.Output("tags", "v1\nlatest")
	_ = s.Summary("# Done\n")
	if got, want := s.out.String(), "digest=sha256:abc\ntags=\n  v1\n  latest\n# Done\n"; got != want {
		t.Errorf("stdout: got %q, want %q", got, want)
	}
	if got, want := s.err.String(), "Building\nstep 1\n::error::as it is\nwarning: take care\nexport KUBECONFIG=/tmp/config\n"; got != want {
		t.Errorf("stderr: got %q, want %q", got, want)
	}
}
