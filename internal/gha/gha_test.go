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
		if err := s.Text(text); err != nil {
			t.Fatal(err)
		}
		s.Output("a", text)
		if got := commandsIn(s.out.String()); len(got) > 0 {
			t.Errorf("%q runs the commands %q", text, got)
		}
	})
}

// On a terminal a text may be on its way into a file.
func TestText_IsTheTextToTheByte(t *testing.T) {
	var out, err strings.Builder
	const text = "::error::x\r\n\ttable ##[no\nend"
	if fault := New(&out, &err, func(string) string { return "" }).Text(text); fault != nil || out.String() != text || err.Len() > 0 {
		t.Errorf("%q and %q, %v", out.String(), err.String(), fault)
	}
	out.Reset()
	actions := func(name string) string { return map[string]string{"GITHUB_ACTIONS": "true"}[name] }
	if fault := New(&out, &err, actions).Text("a\n::set-output name=x::y\nb"); fault != nil || out.String() != "a\n· ::set-output name=x::y\nb" {
		t.Errorf("in a job: %q, %v", out.String(), fault)
	}
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
