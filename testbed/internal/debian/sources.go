package debian

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// hostSources are this machine's own list of Debian archives, when it is a Debian,
// with the suite in the place of its own: they name the mirror that is near, or that
// works at all. "" leaves mmdebstrap to its own default mirror.
func hostSources(apt, osRelease, suite string) (string, error) {
	release, err := os.ReadFile(osRelease)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	own := ""
	for line := range strings.Lines(string(release)) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); found {
			own = name
		}
	}
	if own != Bookworm && own != Trixie { // another distribution's, or an archive that may lack the suite
		return "", nil
	}
	for _, name := range []string{"sources.list.d/debian.sources", "sources.list"} {
		data, err := os.ReadFile(filepath.Join(apt, name))
		if err == nil && strings.Contains(string(data), own) {
			return strings.ReplaceAll(string(data), own, suite), nil
		}
	}
	return "", nil
}
