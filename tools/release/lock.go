package main

import (
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
)

const lockHead = `# The release these actions run, and the SHA-256 of each of its files.
# Written by go run ./tools/release lock VERSION in the pull request of a
# release; the release workflow builds the same bytes or stops.
`

// formatLock writes what bootstrap.sh reads: "version VERSION", and per file its
// SHA-256 and its name. The version of Go is for the builder.
func formatLock(version string, sums map[string]string) []byte {
	return fmt.Appendf(nil, "%sversion %s\ngo %s\n%s", lockHead, version, runtime.Version(), checksums(sums))
}

// checksums has the form of sha256sum.
func checksums(sums map[string]string) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&b, "%s  %s\n", sums[name], name)
	}
	return b.Bytes()
}

// parseLock returns "version", "go", and the SHA-256 of each file by its name.
func parseLock(text []byte) map[string]string {
	entries := map[string]string{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) != 2 || fields[0] == "#":
		case fields[0] == "version" || fields[0] == "go":
			entries[fields[0]] = fields[1]
		default:
			entries[fields[1]] = fields[0]
		}
	}
	return entries
}
