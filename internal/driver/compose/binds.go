package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/buenhyden/hy-home/internal/composefile"
	"github.com/buenhyden/hy-home/internal/exit"
)

// binds are the directories of the machine that services mount, or volumes stand for.
func (u *userProject) binds() (dirs []string, err error) {
	add := func(path, target string, pos composefile.Pos, of string) error {
		path = filepath.Clean(path)
		if _, statErr := os.Stat(path); statErr == nil || slices.Contains(dirs, path) {
			return nil
		}
		rel, relErr := filepath.Rel(u.given.Root, path)
		switch {
		case relErr != nil || !filepath.IsLocal(rel) || outside(u.given.Root, rel):
			return exit.BadInputf("%s: %s mounts %s, which is not there, and nothing is made outside of %s: make it before, or choose a path inside", pos, of, path, u.given.Root)
		case isFile(path) && isFile(target):
			return exit.BadInputf("%s: %s mounts the file %s, which is not there", pos, of, u.show(path))
		}
		dirs = append(dirs, path)
		return nil
	}
	for _, name := range u.ServiceNames() {
		for _, v := range u.Services[name].Volumes {
			if v.Type == types.VolumeTypeBind {
				if err := add(v.Source, v.Target, u.at("services", name, "volumes"), "service "+name); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, key := range u.VolumeNames() {
		v := u.Volumes[key]
		if options := strings.Split(v.DriverOpts["o"], ","); slices.Contains(options, "bind") || slices.Contains(options, "rbind") {
			device := v.DriverOpts["device"]
			if !filepath.IsAbs(device) {
				device = filepath.Join(u.dir(), device)
				v.DriverOpts["device"] = device
			}
			if err := add(device, "", u.at("volumes", key, "driver_opts", "device"), "volume "+key); err != nil {
				return nil, err
			}
		}
	}
	return dirs, nil
}

// outside reports that a path leaves its root by way of a symbolic link.
func outside(root, rel string) bool {
	for dir := filepath.Dir(filepath.Join(root, rel)); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err != nil && dir != filepath.Dir(dir) {
			continue
		}
		real, err := filepath.EvalSymlinks(dir)
		realRoot, rootErr := filepath.EvalSymlinks(root)
		if err != nil || rootErr != nil {
			return true
		}
		rel, err := filepath.Rel(realRoot, real)
		return err != nil || !filepath.IsLocal(rel)
	}
}

// isFile reports that a path names a file rather than a directory, as far as a
// name can tell: nginx.conf does, conf.d and .data do not.
func isFile(path string) bool {
	base := filepath.Base(path)
	ext := filepath.Ext(base)
	return len(ext) > 1 && ext != base && ext != ".d"
}
