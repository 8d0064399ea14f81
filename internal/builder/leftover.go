package builder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What a run makes outside of itself carries in its name until when the run may
// last: SIGKILL leaves nobody to clean up, and a later run must know whether the
// earlier one is over, which may be on another machine or in another container.

// longestRun is taken for a run that has no end of its own.
const longestRun = 24 * time.Hour

// margin is for clocks that differ, and for cleaning up after the end.
const margin = 10 * time.Minute

// until is the part of a name that says it.
func until(ctx context.Context, now time.Time) string {
	end, ok := ctx.Deadline()
	if !ok {
		end = now.Add(longestRun)
	}
	return "until-" + strconv.FormatInt(end.Add(margin).Unix(), 10)
}

// past reports whether a name, from its "until-" on, is of a run that is over.
func past(name string, now time.Time) bool {
	text, ok := strings.CutPrefix(name, "until-")
	if !ok {
		return false
	}
	text, _, _ = strings.Cut(text, "-")
	end, err := strconv.ParseInt(text, 10, 64)
	return err == nil && now.Unix() > end
}

const dirPrefix = "hyaction-build-"

// privateDir makes a directory that nobody else may read, and removes those that
// killed runs have left: there may be a login in them.
func privateDir(until string, now time.Time) (string, error) {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"until-*")) // the pattern is well formed
	for _, dir := range left {
		if past(strings.TrimPrefix(filepath.Base(dir), dirPrefix), now) {
			_ = os.RemoveAll(dir) // another user's stays
		}
	}
	dir, err := os.MkdirTemp("", dirPrefix+until+"-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the build: %w", err)
	}
	return dir, nil
}
