package debian

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func hostSources(apt, osRelease string) ([]string, error) {
	release, err := os.ReadFile(osRelease)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !strings.Contains(string(release), "VERSION_CODENAME="+Suite) {
		return nil, nil
	}
	for _, name := range []string{"sources.list.d/debian.sources", "sources.list"} {
		file := filepath.Join(apt, name)
		data, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(data), Suite) {
			return []string{file}, nil
		}
	}
	return nil, nil
}
