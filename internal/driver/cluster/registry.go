package cluster

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"

	"github.com/buenhyden/hy-home/internal/pull"
)

// certsDir is where containerd looks for the registries of a host. It reads them
// anew at every pull: no restart is needed after writing there.
const certsDir = "/etc/containerd/certs.d"

// localHost is how people and CI name the registry of this machine. On a node
// "localhost" would be the node itself, so it is sent to the registry's
// container by its name on the nodes' network.
const localHost = "localhost:5001"

// copier writes files into containers and reads them back through the engine,
// which is one request for all files and asks for no program in the node image.
type copier interface {
	CopyToContainer(ctx context.Context, id, dir string, content io.Reader, o container.CopyToContainerOptions) error
	CopyFromContainer(ctx context.Context, id, path string) (io.ReadCloser, container.PathStat, error)
}

// hosts returns the hosts.toml of each registry host that the nodes are told
// about, by its path under [certsDir].
//
// Where there is a cache of the host, it is asked first and the mirror is the
// cache's affair; else the mirror is. The host itself is the last resort.
func hosts(s Settings, values map[string]string) map[string]string {
	files := map[string]string{}
	if s.Registry != "" {
		files[path.Join(localHost, "hosts.toml")] = hostsTOML(s.Registry, s.Registry)
	}
	for _, host := range s.Mirrors {
		if first := cmp.Or(values[pull.CacheValue(host)], values[pull.MirrorValue]); first != "" {
			files[path.Join(host, "hosts.toml")] = hostsTOML(upstream(host), first)
		}
	}
	return files
}

// upstream is where the images of a host really live when it is not the host itself.
func upstream(host string) string {
	if host == "docker.io" {
		return "https://registry-1.docker.io"
	}
	return "https://" + host
}

// hostsTOML sends pulls to mirror first and then to server. Without a server
// containerd would ask the host by its name: for "localhost" the node itself,
// whose "connection refused" hides that the registry has no such image.
func hostsTOML(server, mirror string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "server = %q\n\n", server)
	fmt.Fprintf(&b, "[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", mirror)
	return b.String()
}

// configureRegistries writes the files on every node that lacks one of them,
// and reports whether one did.
func configureRegistries(ctx context.Context, api copier, nodes []string, files map[string]string) (bool, error) {
	if len(files) == 0 {
		return false, nil
	}
	changed := make([]bool, len(nodes))
	g, ctx := errgroup.WithContext(ctx)
	for i, node := range nodes {
		g.Go(func() error {
			have, err := readFiles(ctx, api, node, certsDir)
			if err == nil && !contains(have, files) {
				changed[i] = true
				err = api.CopyToContainer(ctx, node, "/", archive(certsDir, files), container.CopyToContainerOptions{})
			}
			if err != nil {
				return fmt.Errorf("registry configuration: node %s: files in %s: %w", node, certsDir, err)
			}
			return nil
		})
	}
	err := g.Wait()
	return slices.Contains(changed, true), err
}

func contains(have, want map[string]string) bool {
	for name, text := range want {
		if got, ok := have[name]; !ok || got != text {
			return false
		}
	}
	return true
}

// archive is a tar of the files below dir with their directories, rooted at /.
func archive(dir string, files map[string]string) io.Reader {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	dirs := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		full := strings.TrimPrefix(path.Join(dir, name), "/")
		if parent := path.Dir(full); !dirs[parent] {
			dirs[parent] = true
			// Writes to memory cannot fail, and the headers are ours.
			_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: parent + "/", Mode: 0o755})
		}
		_ = w.WriteHeader(&tar.Header{Name: full, Mode: 0o644, Size: int64(len(files[name]))})
		_, _ = io.WriteString(w, files[name])
	}
	_ = w.Close()
	return &b
}

// readFiles returns the files below dir on a node, by their path under it.
func readFiles(ctx context.Context, api copier, node, dir string) (map[string]string, error) {
	rc, _, err := api.CopyFromContainer(ctx, node, dir)
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	files := map[string]string{}
	r := tar.NewReader(rc)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil {
			return nil, err
		}
		// The names begin with the directory's own: "certs.d/docker.io/hosts.toml".
		files[strings.TrimPrefix(path.Clean(h.Name), path.Base(dir)+"/")] = string(text)
	}
}
