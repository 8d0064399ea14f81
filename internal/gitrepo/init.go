package gitrepo

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// Init makes dir a repository whose branch holds all its files in a first commit,
// and reports whether it did: one that is there already is left alone.
func Init(ctx context.Context, runner run.Runner, dir, branch, author, message string) (made bool, err error) {
	if err := ValidateBranch(branch); err != nil {
		return false, err
	}
	r := &Repo{o: Options{Runner: runner, Log: slog.New(slog.DiscardHandler)}, dir: dir}
	if r.name, r.email, err = parseAuthor(author); err != nil {
		return false, err
	}
	if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
		if _, err := r.git(ctx, nil, "rev-parse", "--verify", "--quiet", "HEAD"); err != nil {
			return false, exit.BadInputf("directory %q is a Git repository without a commit: remove its .git, or commit yourself", dir)
		}
		return false, nil
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=" + branch},
		{"add", "--all", "--", "."},
		{"commit", "--quiet", "--file=-"},
	} {
		if _, err := r.git(ctx, strings.NewReader(message), args...); err != nil {
			return false, fmt.Errorf("making %s a repository: %w", dir, err)
		}
	}
	return true, nil
}

// Origin is the URL that a checkout pushes to.
func Origin(ctx context.Context, runner run.Runner, dir string) (string, error) {
	r := &Repo{o: Options{Runner: runner, Log: slog.New(slog.DiscardHandler)}, dir: dir}
	remote, err := r.git(ctx, nil, "remote", "get-url", "--push", "origin")
	if err != nil {
		return "", exit.BadInputf("the checkout %q has no remote \"origin\": %w", dir, err)
	}
	return remote, nil
}
