package forge_test

import (
	"context"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo"
)

func client(t *testing.T, api string) *forge.Client {
	t.Helper()
	c, err := forge.New(forge.Options{
		API: api, Repository: forgetest.Repository, Token: forgetest.Token,
		Wait: func(context.Context, time.Duration) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// write is the intent to have a text in a.txt.
func write(text string) gitrepo.Intent {
	return func(_ context.Context, tree gitrepo.Tree) (gitrepo.Commit, error) {
		now, err := fs.ReadFile(tree, "a.txt")
		if err != nil || string(now) == text {
			return gitrepo.Commit{}, err
		}
		return gitrepo.Commit{Files: map[string][]byte{"a.txt": []byte(text)}, Message: "write " + text}, nil
	}
}

func pull(placer forge.Placer) forge.Pull {
	return forge.Pull{Branch: "bump", Placer: placer, Describe: func() (string, string) { return "Write", "it" }}
}

// pusher places commits as a push by Git would.
type pusher struct {
	s      *forgetest.Server
	placed []string // onto which commits
	lose   int      // that many times somebody was there first
}

func (p *pusher) Place(_ context.Context, onto, branch, seen string, want gitrepo.Commit) (string, error) {
	if p.lose > 0 || p.s.Refs[branch] != seen {
		p.lose--
		return "", gitrepo.ErrMoved
	}
	p.placed = append(p.placed, onto)
	p.s.Refs[branch] = onto
	changes := map[string]string{}
	for name, text := range want.Files {
		changes[name] = string(text)
	}
	return p.s.Push(branch, want.Message, changes), nil
}

// Git pushes the branch, and the API opens the pull request and keeps it.
func TestPropose_ByAPushOfOnesOwn(t *testing.T) {
	s := forgetest.New(t, map[string]forgetest.File{"a.txt": {Mode: 0o100644, Text: "1"}})
	git := &pusher{s: s, lose: 2}
	base := s.Refs["main"]
	res, err := client(t, s.URL).Propose(t.Context(), pull(git), forge.First{}, write("2"))
	if err != nil || res.Operation != "created" || res.Commit != s.Refs["bump"] || res.Attempts != 3 || s.Text("bump", "a.txt") != "2" {
		t.Fatalf("Propose = %+v, %v", res, err)
	}
	moved := s.Push("main", "others", map[string]string{"b.txt": "x"})
	res, err = client(t, s.URL).Propose(t.Context(), pull(git), forge.First{}, write("3"))
	if err != nil || res.Operation != "updated" || res.Number != 1 || len(s.History("bump")) != 3 {
		t.Fatalf("Propose = %+v, %v", res, err)
	}
	person := s.Push("bump", "a person's", map[string]string{"c.txt": "x"})
	res, err = client(t, s.URL).Propose(t.Context(), pull(git), forge.First{}, write("4"))
	if err != nil || len(res.Warnings) != 1 || s.Text("bump", "c.txt") != "x" || s.Text("bump", "a.txt") != "4" {
		t.Fatalf("Propose = %+v, %v", res, err)
	}
	if want := []string{base, moved, person}; !slices.Equal(git.placed, want) {
		t.Errorf("placed onto %q, want %q", git.placed, want)
	}
}

// An Enterprise Server has the API elsewhere, and GraphQL beside it.
func TestEnterpriseServer(t *testing.T) {
	s := forgetest.New(t, map[string]forgetest.File{"a.txt": {Mode: 0o100755, Text: "1"}})
	s.Enterprise = true
	c := client(t, s.URL+"/api/v3")
	if res, err := c.Update(t.Context(), "", forge.First{}, write("2")); err != nil || !res.Changed {
		t.Fatalf("Update = %+v, %v", res, err) // REST and GraphQL: the file is executable
	}
	if res, err := c.Propose(t.Context(), pull(nil), forge.First{}, write("3")); err != nil || res.Operation != "created" {
		t.Fatalf("Propose = %+v, %v", res, err)
	}
	paths := map[string]bool{}
	for _, r := range s.Requests {
		paths[r.Path] = true
	}
	if !paths["/api/graphql"] || !paths["/api/v3/repos/acme/infra/git/trees"] {
		t.Errorf("paths %v", paths)
	}
}

func TestFiles_ListsInOneRequest(t *testing.T) {
	s := forgetest.New(t, map[string]forgetest.File{"a.txt": {Mode: 0o100644, Text: "1"}, "d/b.txt": {Mode: 0o100644}, "d/e/c.txt": {Mode: 0o100644}})
	for dir, want := range map[string][]string{".": {"a.txt", "d/b.txt", "d/e/c.txt"}, "d": {"d/b.txt", "d/e/c.txt"}, "nowhere": nil, "a.txt": nil} {
		s.Reset()
		_, err := client(t, s.URL).Update(t.Context(), "main", forge.First{Paths: []string{dir}}, func(ctx context.Context, tree gitrepo.Tree) (gitrepo.Commit, error) {
			got, err := tree.Files(ctx, dir)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("Files(%s) = %q, want %q", dir, got, want)
			}
			return gitrepo.Commit{}, err
		})
		if err != nil || len(s.Requests) > 2 {
			t.Errorf("%s: %v after %d requests", dir, err, len(s.Requests))
		}
	}
}
