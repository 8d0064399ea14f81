// Package bumpimage writes new images into the infrastructure repository: it sets
// them in kustomizations, proves by rendering that they reach a container, and puts
// the change where the cluster will find it: on the branch that it follows, on a
// branch with a pull request, or in the files of a checkout.
package bumpimage

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/gitrepo"
	"github.com/buenhyden/hy-home/internal/kustomize"
	"github.com/buenhyden/hy-home/internal/run"
)

// Ways to place the change, and to reach the repository.
const (
	Push        = "push"
	PullRequest = "pull-request"
	None        = "none"

	Auto = "auto"
	API  = "api"
	Git  = "git"
)

// Options say what to set where.
type Options struct {
	Repository string   // a directory, a URL or owner/name; "" is the checkout that Dir is in
	Dir        string   // where the caller stands
	Branch     string   // "" is the one checked out, or the remote's default branch
	Paths      []string // directories of kustomizations or patterns of such, from the repository's top
	Images     []string // in the grammar of [kustomize.ParseImage]; at least one
	Render     []string // directories whose manifests prove the change; nil is Paths
	Mode       string   // Push, PullRequest or None, which changes the files and makes no commit
	Backend    string   // Auto, API or Git
	Commit     bool     // with Push in a checkout: commit there and push nothing
	Blind      bool     // no proof
	Remote     bool     // the proof may bring bases and files that lie elsewhere
	Strict     bool     // refuse files that only kustomize's own writer can change
	DryRun     bool     // change nothing; the Result says what would be
	Message    string   // of the commit; "" makes one that names the images
	Author     string   // "Name <address>"; by the API it is the token's owner
	SignOff    bool     // add a Signed-off-by line of the author to the message
	Token      string
	API        string // base URL of GitHub's REST API
	Pull       Pull
	Source     Source
	Downgrade  bool // set an older image than the current one

	Runner    run.Runner
	Transport http.RoundTripper // to GitHub; nil is the default
	Progress  func(string)      // may be nil
	Log       *slog.Logger      // may be nil
}

// Pull is what only a pull request has.
type Pull struct {
	Branch, Title, Body string // "" makes them
	Draft               bool
	forge.Extras
}

// Source says where the images come from.
type Source struct {
	Repository string // owner/name; "" is not known
	Commit     string // SHA; "" is not known
	Token      string // that may read it
	RunURL     string // of the workflow run
	Note       string // comment or check on the commit; "" leaves none
}

// Result is what was done.
type Result struct {
	Changed   bool     // whether a commit was made or a file written, or would be without DryRun
	Operation string   // pushed, committed, written, created, updated, closed, superseded, none
	Commit    string   // its SHA; of the branch's head if nothing was committed
	Branch    string   // that holds it
	Old, New  []string // references in the rendered manifests, before and after
	Files     []string // changed, from the repository's top
	Diff      string   // unified diff of the files
	Rendered  string   // unified diff of the rendered manifests
	Verified  bool     // by rendering
	Attempts  int      // 1, plus one for each push that lost a race
	Number    int      // of the pull request
	URL       string   // of the pull request
	Merged    bool     // at once
	Warnings  []string
}

// Run sets the images. Everything is checked, rendered and proven before the first
// byte is written; bad input changes nothing.
func Run(ctx context.Context, o Options) (Result, error) {
	b := &bump{Options: o, ordered: map[forge.Pair]bool{}, from: map[string]string{}}
	if b.Progress == nil {
		b.Progress = func(string) {}
	}
	b.Paths, b.Render = slices.Clone(o.Paths), slices.Clone(o.Render)
	if err := b.parse(); err != nil {
		return Result{}, err
	}
	t, err := b.resolve(ctx)
	if err != nil {
		return Result{}, err
	}
	place := b.push
	switch {
	case b.Mode == None:
		place = b.write
	case b.DryRun:
		place = b.look
	case b.Mode == PullRequest:
		place = b.propose
	}
	res, err := place(ctx, t)
	if err != nil {
		return Result{}, err
	}
	b.fill(&res)
	b.note(ctx, &res)
	return res, nil
}

// bump is one run.
type bump struct {
	Options
	set        []kustomize.Image
	ordered    map[forge.Pair]bool // answers of contains
	also       []forge.Pair        // what else is worth asking with them
	from       map[string]string   // source commits of current images
	change     kustomize.Change    // of the last attempt
	superseded []string            // images of the last attempt that were left as they are
}

func (b *bump) parse() error {
	if len(b.Images) == 0 {
		return exit.BadInputf("images is empty: give at least one as name=new[:tag][@digest]")
	}
	for _, arg := range b.Images {
		img, err := kustomize.ParseImage(arg)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(b.set, func(other kustomize.Image) bool { return other.Name == img.Name }) {
			return exit.BadInputf("images: %q is set twice; which one shall it be?", img.Name)
		}
		b.set = append(b.set, img)
	}
	if len(b.Paths) == 0 {
		return exit.BadInputf("paths is empty: name a directory inside the repository, such as apps/backend/overlays/dev")
	}
	stand, err := filepath.Abs(b.Dir)
	if err != nil {
		return err
	}
	for what, list := range map[string][]string{"paths": b.Paths, "render": b.Render} {
		if err := b.inside(what, list, stand); err != nil {
			return err
		}
	}
	if b.Repository == "" {
		b.Repository = checkoutOf(stand)
	}
	if b.Branch != "" {
		if err := gitrepo.ValidateBranch(b.Branch); err != nil {
			return err
		}
	}
	if b.Pull.Branch != "" {
		return gitrepo.ValidateBranch(b.Pull.Branch)
	}
	return nil
}

// fill takes what is known of the change itself.
func (b *bump) fill(res *Result) {
	res.Old, res.New = b.change.Old, b.change.New
	res.Verified = b.change.Proven
	res.Warnings = append(b.change.Warnings, res.Warnings...)
	for _, name := range b.superseded {
		res.Warnings = append(res.Warnings, "superseded: "+name+" runs an image of a newer commit already, and stays as it is")
	}
	if res.Operation == "none" && len(b.superseded) > 0 {
		res.Operation = "superseded"
	}
	if !res.Changed {
		return
	}
	res.Diff, res.Rendered = b.change.Diff, b.change.Rendered
	for _, f := range b.change.Files {
		res.Files = append(res.Files, f.Path)
	}
}

// note tells people at the source commit. The images are placed whatever becomes of it.
func (b *bump) note(ctx context.Context, res *Result) {
	s := b.Source
	if s.Note == "" || !res.Changed || b.DryRun || b.Mode == None {
		return
	}
	c, err := b.client(s.Repository, s.Token)
	if err == nil {
		text := "`" + b.Repository + "`: " + strings.Join(res.New, ", ") + " (" + res.Operation + " " + res.Commit + ")"
		if res.URL != "" {
			text += ": " + res.URL
		}
		if s.Note == "check" {
			err = c.Check(ctx, s.Commit, "bump-image", res.Operation, text)
		} else {
			err = c.Comment(ctx, s.Commit, text)
		}
	}
	if err != nil {
		res.Warnings = append(res.Warnings, "no note at the source commit: "+err.Error())
	}
}

func (b *bump) client(repository, token string) (*forge.Client, error) {
	return forge.New(forge.Options{API: b.API, Repository: repository, Token: token, Transport: b.Transport, Progress: b.Progress, Log: b.Log})
}
