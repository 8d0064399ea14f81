package bumpimage

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/gitrepo"
)

// target is the repository, and how it is reached.
type target struct {
	forge *forge.Client // nil is by Git alone
	git   string        // a directory or a URL; with forge, Git makes the commits of a pull request
}

// resolve finds out what Repository is, and by which backend to reach it.
func (b *bump) resolve(ctx context.Context) (target, error) {
	info, err := os.Stat(b.Repository)
	isDir := err == nil && info.IsDir()
	if b.Mode == None {
		if !isDir {
			return target{}, exit.BadInputf("repository %q: mode none changes the files of a directory; name one that is there", b.Repository)
		}
		return target{git: b.Repository}, nil
	}
	api := b.Backend == API || b.Mode == PullRequest
	remote := b.Repository
	if isDir && api {
		if remote, err = gitrepo.Origin(ctx, b.Runner, b.Repository); err != nil {
			return target{}, err
		}
	}
	slug, overHTTP := b.slugOf(remote)
	if b.Backend == Auto && !isDir && slug != "" && overHTTP && b.Token != "" && !b.Commit {
		api = true
	}
	var t target
	if !api || b.Backend == Git {
		t.git = b.Repository
		if !isDir && forge.IsSlug(b.Repository) && slug != "" {
			t.git = "https://" + webHost(b.API) + "/" + slug + ".git"
		}
	}
	if !api {
		return t, nil
	}
	if slug == "" && isDir {
		return target{}, exit.BadInputf("the remote origin of %q is not on %s: GitHub's API knows what is there (api-url says which server)", b.Repository, webHost(b.API))
	}
	if slug == "" {
		return target{}, exit.BadInputf("repository %q is not on %s: GitHub's API knows owner/name, or a URL there (api-url says which server)", b.Repository, webHost(b.API))
	}
	t.forge, err = b.client(slug, b.Token)
	return t, err
}

// slugOf is owner/name of a repository on the API's own server.
func (b *bump) slugOf(remote string) (slug string, overHTTP bool) {
	if forge.IsSlug(remote) {
		// Without a token it may as well be a directory that is missing.
		if b.Token == "" && b.Backend == Auto && b.Mode != PullRequest {
			return "", false
		}
		return remote, true
	}
	if host, at, ok := strings.Cut(remote, ":"); ok && !strings.Contains(remote, "://") {
		host = host[strings.LastIndexByte(host, '@')+1:] // git@github.com:owner/name.git
		remote = "ssh://" + host + "/" + at
	}
	u, err := url.Parse(remote)
	if err != nil || !strings.EqualFold(u.Host, webHost(b.API)) && !strings.EqualFold(u.Hostname(), webHost(b.API)) {
		return "", false
	}
	slug = strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
	if !forge.IsSlug(slug) {
		return "", false
	}
	return slug, u.Scheme == "https" || u.Scheme == "http"
}

// webHost is the server whose API this is: github.com of api.github.com.
func webHost(api string) string {
	u, err := url.Parse(api)
	if err != nil {
		return ""
	}
	if u.Path == "" || u.Path == "/" {
		return strings.TrimPrefix(u.Host, "api.")
	}
	return u.Host
}

// checkoutOf is the top of the checkout that a directory lies in, or the directory itself.
func checkoutOf(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// push changes the branch itself.
func (b *bump) push(ctx context.Context, t target) (Result, error) {
	return b.update(ctx, t, b.intent, "pushed")
}

// look plans on the newest head and changes nothing.
func (b *bump) look(ctx context.Context, t target) (Result, error) {
	res, err := b.update(ctx, t, func(ctx context.Context, tree gitrepo.Tree) (gitrepo.Commit, error) {
		_, err := b.intent(ctx, tree)
		return gitrepo.Commit{}, err
	}, "")
	res.Changed = b.change.Changed()
	return res, err
}

func (b *bump) update(ctx context.Context, t target, intent gitrepo.Intent, operation string) (Result, error) {
	var done gitrepo.Result
	var err error
	if t.forge != nil {
		done, err = t.forge.Update(ctx, b.Branch, b.first(), intent)
	} else {
		if b.Commit {
			operation = "committed"
		}
		done, err = b.byGit(ctx, t.git, intent)
	}
	if !done.Changed {
		operation = "none"
	}
	return Result{Changed: done.Changed, Operation: operation, Commit: done.Commit, Branch: done.Branch, Attempts: done.Attempts}, err
}

func (b *bump) byGit(ctx context.Context, repository string, intent gitrepo.Intent) (gitrepo.Result, error) {
	repo, err := b.open(ctx, repository)
	if err != nil {
		return gitrepo.Result{}, err
	}
	defer repo.Close()
	return repo.Update(ctx, func(ctx context.Context, tree gitrepo.Tree) (gitrepo.Commit, error) {
		if err := tree.Load(ctx, b.first().Paths...); err != nil {
			return gitrepo.Commit{}, err
		}
		return intent(ctx, tree)
	})
}

func (b *bump) open(ctx context.Context, repository string) (*gitrepo.Repo, error) {
	return gitrepo.Open(ctx, gitrepo.Options{
		Repository: repository, Branch: b.Branch, Local: b.Commit,
		Token: b.Token, Author: b.Author,
		Runner: b.Runner, Progress: b.Progress, Log: b.Log,
	})
}

// propose changes a branch of its own and asks people to merge it.
func (b *bump) propose(ctx context.Context, t target) (Result, error) {
	branch := b.Pull.Branch
	if branch == "" {
		branch = b.proposalBranch()
	}
	pull := forge.Pull{Base: b.Branch, Branch: branch, Draft: b.Pull.Draft, Extras: b.Pull.Extras, Waiting: b.waiting, Newer: b.proposed, Describe: b.describe}
	if t.git != "" {
		repo, err := b.open(ctx, t.git)
		if err != nil {
			return Result{}, err
		}
		defer repo.Close()
		pull.Base, pull.Placer = repo.Branch(), repo
	}
	done, err := t.forge.Propose(ctx, pull, b.first(), b.intent)
	return Result{
		Changed: done.Changed, Operation: done.Operation, Commit: done.Commit, Branch: done.Branch, Attempts: done.Attempts,
		Number: done.Number, URL: done.URL, Merged: done.Merged, Warnings: done.Warnings,
	}, err
}

// write changes the files of a directory and nothing else.
func (b *bump) write(ctx context.Context, t target) (_ Result, err error) {
	root, err := os.OpenRoot(t.git)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	want, err := b.intent(ctx, gitrepo.Directory(root))
	if err != nil {
		return Result{}, err
	}
	res := Result{Changed: len(want.Files) > 0, Operation: "none", Attempts: 1}
	if b.DryRun {
		return res, nil
	}
	for name, text := range want.Files {
		if err := gitrepo.WriteFile(root, name, text); err != nil {
			return Result{}, err
		}
		res.Operation = "written"
	}
	return res, nil
}

// proposalBranch is the same for the same images and places, so that a newer bump
// updates the open pull request.
func (b *bump) proposalBranch() string {
	var parts []string
	for _, img := range b.set {
		parts = append(parts, path.Base(img.Name))
	}
	parts = append(parts, b.Paths...)
	return "chore/bump-" + slugged(strings.Join(parts, "-"), b.Branch)
}
