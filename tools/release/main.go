// Command release builds the binaries of a release, and keeps the lock that the
// actions check them against.
//
//	go run ./tools/release lock v1.2.3         # in the pull request of a release
//	go run ./tools/release build v1.2.3 dist   # in the release workflow
//
// The lock is part of the commit that callers pin; the binaries are not. So they
// are built twice, by the author of the pull request and by the workflow, and
// the second build must give the very bytes of the first: no build path, no VCS
// stamp, the same Go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
)

const lockPath = "actions/lib/hyaction.lock"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "lock":
		return writeLock(ctx, args[1])
	case len(args) == 3 && args[0] == "build":
		return buildRelease(ctx, args[1], args[2])
	default:
		return errors.New("usage: release lock VERSION | release build VERSION DIRECTORY")
	}
}

// semver is a release's version: v1.2.3 or v1.2.3-rc.1.
var semver = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`)

// writeLock builds everything into a directory that is thrown away.
func writeLock(ctx context.Context, version string) error {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sums, err := buildAll(ctx, version, dir)
	if err != nil {
		return err
	}
	return os.WriteFile(lockPath, formatLock(version, sums), 0o644)
}

// buildRelease builds everything into dir, and refuses what the lock does not name.
func buildRelease(ctx context.Context, version, dir string) error {
	text, err := os.ReadFile(lockPath)
	if err != nil {
		return err
	}
	locked := parseLock(text)
	if locked["version"] != version {
		return fmt.Errorf("%s is for %q: run release lock %s, and merge it first", lockPath, locked["version"], version)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	sums, err := buildAll(ctx, version, dir)
	if err != nil {
		return err
	}
	for name, sum := range sums {
		if locked[name] != sum {
			return fmt.Errorf("%s has the SHA-256 %s, and the lock says %q: was it made by another Go than %s?", name, sum, locked[name], locked["go"])
		}
	}
	return os.WriteFile(filepath.Join(dir, "checksums.txt"), checksums(sums), 0o644)
}
