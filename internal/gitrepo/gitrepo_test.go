package gitrepo

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

func TestOpen_BadInput(t *testing.T) {
	bare := gittest.Bare(t, seed)
	gittest.Git(t, bare, "tag", "v1", "main")
	empty := filepath.Join(t.TempDir(), "empty.git")
	gittest.Git(t, ".", "init", "--quiet", "--bare", empty)
	for name, tc := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"no repository":       {func(o *Options) { o.Repository = "" }, "name a directory or a URL"},
		"option":              {func(o *Options) { o.Repository = "--upload-pack=touch x" }, "cannot start with"},
		"helper":              {func(o *Options) { o.Repository = "ext::sh -c true" }, "neither a directory nor a URL"},
		"scheme":              {func(o *Options) { o.Repository = "ftp://host/x" }, "scheme must be"},
		"password":            {func(o *Options) { o.Repository = "https://me:secret@host/x" }, "https://***@host/x"},
		"missing directory":   {func(o *Options) { o.Repository = "/no/such/dir" }, "no such directory"},
		"no repository there": {func(o *Options) { o.Repository = t.TempDir() }, "not a Git repository"},
		"branch option":       {func(o *Options) { o.Branch = "--force" }, "cannot start with"},
		"branch name":         {func(o *Options) { o.Branch = "a..b" }, "cannot hold"},
		"a tag":               {func(o *Options) { o.Branch = "v1" }, `branch "v1" does not exist`},
		"missing branch":      {func(o *Options) { o.Branch = "nowhere" }, `branch "nowhere" does not exist`},
		"author":              {func(o *Options) { o.Author = "nobody" }, "Name <address>"},
		"local bare":          {func(o *Options) { o.Local = true }, "not a checkout"},
		"empty repository":    {func(o *Options) { o.Repository = empty }, "no default branch"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(bare)
			tc.change(&o)
			r, err := Open(t.Context(), o)
			if err == nil {
				r.Close()
			}
			if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want bad input with %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

func TestOpen_OutOfTime(t *testing.T) {
	bare := gittest.Bare(t, seed)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(exit.Inconclusivef("out of time"))
	if _, err := Open(ctx, options(bare)); exit.Code(err) != exit.Inconclusive {
		t.Errorf("err = %v, want the context's cause", err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	_, err := open(t, options(bare)).Update(ctx, func(context.Context, Tree) (Commit, error) {
		cancel(exit.Inconclusivef("out of time"))
		return Commit{Files: map[string][]byte{"counter.txt": nil}, Message: "x"}, nil
	})
	if exit.Code(err) != exit.Inconclusive {
		t.Errorf("err = %v, want the context's cause", err)
	}
}
