// Package bumpimage writes new images into the infrastructure repository: it sets
// them in one kustomization, proves by rendering that they reach a container,
// commits, and pushes to the branch that the cluster follows.
package bumpimage

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo"
	"github.com/buenhyden/hy-home/internal/kustomize"
	"github.com/buenhyden/hy-home/internal/run"
)

// Options say what to set where.
type Options struct {
	Repository string   // a checkout, a bare repository or a URL; see [gitrepo.Options]
	Branch     string   // "" is the one checked out, or the remote's default branch
	Directory  string   // of the kustomization, from the repository's top
	Images     []string // in the grammar of [kustomize.ParseImage]; at least one
	Message    string   // of the commit; "" makes one that names the images
	Author     string   // "Name <address>"
	Token      string   // for HTTP(S), if Git's own configuration has none
	Push       bool     // else the commit stays in the checkout
	DryRun     bool     // change nothing; the Result says what would be

	Runner   run.Runner
	Progress func(string) // may be nil
	Log      *slog.Logger // may be nil
}

// Result is what was done.
type Result struct {
	Changed  bool     // whether a commit was made, or would be without DryRun
	Commit   string   // its SHA; of the branch's head if nothing was committed
	Branch   string   // that holds it
	Old, New []string // references in the rendered manifests, before and after
	Files    []string // changed, from the repository's top
	Diff     string   // unified diff of the rendered manifests
	Attempts int      // 1, plus one for each push that lost a race
}

// Run sets the images. Everything is checked, rendered and proven before the first
// byte is written; bad input changes nothing.
func Run(ctx context.Context, o Options) (Result, error) {
	images, dir, err := o.parse()
	if err != nil {
		return Result{}, err
	}
	repo, err := gitrepo.Open(ctx, gitrepo.Options{
		Repository: o.Repository, Branch: o.Branch, Local: !o.Push,
		Token: o.Token, Author: o.Author,
		Runner: o.Runner, Progress: o.Progress, Log: o.Log,
	})
	if err != nil {
		return Result{}, err
	}
	defer repo.Close()

	var plan kustomize.Change
	done, err := repo.Update(ctx, func(root *os.Root) (gitrepo.Commit, error) {
		if plan, err = planIn(root, dir, images); err != nil || o.DryRun || !plan.Changed() {
			return gitrepo.Commit{}, err
		}
		message := o.Message
		if message == "" {
			message = defaultMessage(dir, plan)
		}
		return gitrepo.Commit{Files: map[string][]byte{plan.Path: plan.After}, Message: message}, nil
	})
	if err != nil {
		return Result{}, err
	}
	res := Result{
		Changed: done.Changed || o.DryRun && plan.Changed(),
		Commit:  done.Commit, Branch: repo.Branch(), Attempts: done.Attempts,
		Old: plan.Old, New: plan.New, Diff: plan.Diff,
	}
	if res.Changed {
		res.Files = []string{plan.Path}
	}
	return res, nil
}

func (o Options) parse() ([]kustomize.Image, string, error) {
	if len(o.Images) == 0 {
		return nil, "", exit.BadInputf("images is empty: give at least one as name=new[:tag][@digest]")
	}
	var images []kustomize.Image
	for _, arg := range o.Images {
		img, err := kustomize.ParseImage(arg)
		if err != nil {
			return nil, "", err
		}
		if slices.ContainsFunc(images, func(other kustomize.Image) bool { return other.Name == img.Name }) {
			return nil, "", exit.BadInputf("images: %q is set twice; which one shall it be?", img.Name)
		}
		images = append(images, img)
	}
	dir := path.Clean(filepath.ToSlash(o.Directory))
	if o.Directory == "" || !filepath.IsLocal(dir) {
		return nil, "", exit.BadInputf("directory %q: name a directory inside the repository, such as apps/backend/overlays/dev", o.Directory)
	}
	return images, dir, nil
}

func planIn(root *os.Root, dir string, images []kustomize.Image) (kustomize.Change, error) {
	info, err := gitrepo.CheckPath(root, dir)
	if err != nil {
		return kustomize.Change{}, fmt.Errorf("directory: %w", err)
	}
	if !info.IsDir() {
		return kustomize.Change{}, exit.BadInputf("directory %q is a file; name the directory that holds it", dir)
	}
	file, err := kustomize.FindFile(root, dir)
	if err != nil {
		return kustomize.Change{}, err
	}
	if _, err := gitrepo.CheckPath(root, file); err != nil {
		return kustomize.Change{}, err
	}
	return kustomize.Plan(root, dir, images...)
}

// defaultMessage names what changed, in the subject as short as it can be said.
func defaultMessage(dir string, c kustomize.Change) string {
	var fresh []string
	for _, ref := range c.New {
		if !slices.Contains(c.Old, ref) {
			fresh = append(fresh, ref)
		}
	}
	subject := fmt.Sprintf("%s: set %d images", dir, len(fresh))
	if len(fresh) == 1 {
		subject = fmt.Sprintf("%s: run %s", dir, short(fresh[0]))
	}
	var body strings.Builder
	for _, ref := range c.Old {
		if !slices.Contains(c.New, ref) {
			fmt.Fprintf(&body, "- %s\n", ref)
		}
	}
	for _, ref := range fresh {
		fmt.Fprintf(&body, "+ %s\n", ref)
	}
	return subject + "\n\n" + body.String()
}

// short is a reference without registry, and with the first twelve digits of a
// digest only if there is no tag.
func short(ref string) string {
	ref = ref[strings.LastIndexByte(ref, '/')+1:]
	name, digest, _ := strings.Cut(ref, "@")
	if digest == "" || strings.Contains(name, ":") {
		return name
	}
	algorithm, hex, _ := strings.Cut(digest, ":")
	return name + "@" + algorithm + ":" + hex[:min(12, len(hex))]
}
