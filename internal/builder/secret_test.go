package builder

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
)

func TestParseSecrets(t *testing.T) {
	for text, want := range map[string][]Secret{
		"":                             nil,
		"a=1\n\n  b=x=y, \"z\" \r\nc=": {{ID: "a", Value: "1"}, {ID: "b", Value: `x=y, "z"`}, {ID: "c"}},
		"\"pem=one\ntwo\n\"\nb=2":      {{ID: "pem", Value: "one\ntwo\n"}, {ID: "b", Value: "2"}},
		`"json={""k"":""v""}"`:         {{ID: "json", Value: `{"k":"v"}`}},
		"\"a=\"\"\"\"\"\nb=\"":         {{ID: "a", Value: `""`}, {ID: "b", Value: `"`}},
	} {
		got, err := ParseSecrets(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"Zq7", "=Zq7", "a b=Zq7", "\"a=Zq7", "\"a=Zq7\" Zq7", "a=1\n-x=Zq7", "a,b=Zq7"} {
		if _, err := ParseSecrets(text); exit.Code(err) != exit.BadInput || strings.Contains(err.Error(), "Zq7") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParseSecretRefs(t *testing.T) {
	got, err := ParseSecretRefs("secret-files", []string{"a=/x=y"}, func(s *Secret, v string) { s.File = v })
	if err != nil || !reflect.DeepEqual(got, []Secret{{ID: "a", File: "/x=y"}}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, item := range []string{"a", "a=", "=x", "a,b=x"} {
		if _, err := ParseSecretRefs("secret-envs", []string{item}, nil); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "write id=VARIABLE") {
			t.Errorf("%q: %v", item, err)
		}
	}
}

func TestCheckContext(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\n")
	other := t.TempDir()
	for _, c := range []struct {
		o    Options
		want string // "" is fine
	}{
		{Options{Context: dir}, ""},
		{Options{Context: other, File: filepath.Join(dir, "Dockerfile")}, ""},
		{Options{Context: other, Features: Features{Dockerfile: "FROM scratch"}}, ""},
		{Options{Context: "https://github.com/a/b.git#main:sub"}, ""},
		{Options{Context: "git@github.com:a/b.git"}, ""},
		{Options{Context: other}, "input context: there is no Dockerfile at"},
		{Options{Context: dir, File: other}, "input file: there is no Dockerfile at"},
		{Options{Context: dir + "/none"}, "must be a directory that exists, or a URL"},
		{Options{Context: dir, File: "x", Features: Features{Dockerfile: "FROM scratch"}}, "exclude one another"},
		{Options{Context: "https://x:Zq7@github.com/a/b.git"}, "holds a user or a password"},
		{Options{Context: "https://Zq7@github.com/a/b.git"}, "holds a user or a password"},
	} {
		err := c.o.CheckContext()
		if (err == nil) != (c.want == "") || err != nil && (exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "Zq7")) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}

func TestGitRepository(t *testing.T) {
	for context, want := range map[string][2]string{
		"https://github.com/a/b.git":           {"https://github.com/a/b", ""},
		"https://github.com/a/b.git#main:sub":  {"https://github.com/a/b", "main"},
		"https://github.com/a/b#v1":            {"https://github.com/a/b", "v1"},
		"https://github.com/a/b.git?ref=x":     {"https://github.com/a/b", ""},
		"git@github.com:a/b.git":               {"", ""},
		".":                                    {"", ""},
		"https://github.com":                   {"", ""},
		"https://github.com.evil.example/a/b#": {"https://github.com.evil.example/a/b", ""},
	} {
		if repository, ref := GitRepository(context); repository != want[0] || ref != want[1] {
			t.Errorf("%s: %q, %q, want %q", context, repository, ref, want)
		}
	}
}

func TestPast_KnowsARunThatIsOver(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	ctx, cancel := context.WithDeadline(t.Context(), now.Add(time.Hour))
	defer cancel()
	for name, over := range map[string]bool{
		until(ctx, now) + "-abc": false, until(t.Context(), now): false, "until-1699999999-abc0": true, "until-1699999999": true, "until-x": false, "1": false, "": false,
	} {
		if past(name, now) != over {
			t.Errorf("%q: over is %v, want %v", name, !over, over)
		}
	}
	if !past(until(ctx, now), now.Add(time.Hour+margin+time.Minute)) {
		t.Error("a run is taken for running after its end")
	}
}

func TestPrivateDir_RemovesWhatKilledRunsLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	now := time.Unix(1_700_000_000, 0)
	old, err := privateDir("until-1600000000", now)
	if err != nil {
		t.Fatal(err)
	}
	running, err := privateDir("until-1700000100", now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", old, err)
	}
	if info, err := os.Stat(running); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}
