package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/dns"
)

// ErrNotInRegistry says that the registry answered and does not give the image out.
var ErrNotInRegistry = errors.New("the registry does not have it, or not for everybody")

// Login is a user's name and password; its zero value is nobody.
type Login struct{ Username, Password string }

// Pull makes sure that an image is in the engine, and reports whether it was
// pulled. With a digest ("sha256:...") the image under that name is the one with
// the digest afterwards; an image that is there already counts if any registry
// gave it out under it.
func (e *Engine) Pull(ctx context.Context, ref, digest string, l Login, progress func(string)) (bool, error) {
	c, err := e.Client(ctx)
	if err != nil {
		return false, err
	}
	have, err := c.ImageInspect(ctx, ref)
	switch {
	case err == nil && (digest == "" || has(have, digest)):
		return false, nil
	case err != nil && !errdefs.IsNotFound(err):
		return false, fmt.Errorf("inspect image %s: %w", ref, err)
	}
	name := ref
	if digest != "" && !strings.Contains(ref, "@") {
		name = ref + "@" + digest
	}
	progress("pull " + name)
	if err := pull(ctx, c, name, l, progress); err != nil {
		if len(have.RepoDigests) > 0 {
			err = fmt.Errorf("%w (the machine has %s)", err, strings.Join(have.RepoDigests, ", "))
		}
		return false, fmt.Errorf("pull image %s: %w", name, err)
	}
	if name != ref {
		// A pull by digest leaves the tag where it was, or makes none.
		if err := c.ImageTag(ctx, name, ref); err != nil {
			return true, fmt.Errorf("name image %s: %w", name, err)
		}
	}
	return true, nil
}

// Refresh pulls the newest image of a name, also where the engine has one, and
// reports whether it was another one.
func (e *Engine) Refresh(ctx context.Context, ref string, l Login, progress func(string)) (bool, error) {
	c, err := e.Client(ctx)
	if err != nil {
		return false, err
	}
	before, _ := c.ImageInspect(ctx, ref) // none is as good as another
	progress("pull " + ref)
	if err := pull(ctx, c, ref, l, progress); err != nil {
		return false, fmt.Errorf("pull image %s: %w", ref, err)
	}
	after, err := c.ImageInspect(ctx, ref)
	if err != nil {
		return false, fmt.Errorf("inspect image %s: %w", ref, err)
	}
	return before.ID != after.ID, nil
}

func has(i image.InspectResponse, digest string) bool {
	for _, d := range i.RepoDigests {
		if strings.HasSuffix(d, "@"+digest) {
			return true
		}
	}
	return i.ID == digest // with the containerd image store
}

func pull(ctx context.Context, c *client.Client, name string, l Login, progress func(string)) error {
	var o image.PullOptions
	if l != (Login{}) {
		auth, err := registry.EncodeAuthConfig(registry.AuthConfig{Username: l.Username, Password: l.Password})
		if err != nil {
			return err
		}
		o.RegistryAuth = auth
	}
	stream, err := c.ImagePull(ctx, name, o)
	if err != nil {
		return refusal(err.Error())
	}
	defer stream.Close()
	return follow(stream, progress)
}

// message is one line of the engine's account of a pull.
type message struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Progress struct {
		Current int64 `json:"current"`
	} `json:"progressDetail"`
	Error string `json:"error"`
}

// step of bytes after which more progress is told: a line for each MiB would
// bury everything else.
const step = 64 << 20

// follow reads the engine's account to its end: a pull that fails halfway says so
// there and nowhere else.
func follow(stream io.Reader, progress func(string)) error {
	layers := map[string]int64{}
	var told int64
	for d := json.NewDecoder(stream); ; {
		var m message
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if m.Error != "" {
			return refusal(m.Error)
		}
		if m.Status != "Downloading" {
			continue
		}
		layers[m.ID] = m.Progress.Current
		var sum int64
		for _, n := range layers {
			sum += n
		}
		if sum-told >= step {
			told = sum
			progress(fmt.Sprintf("pulled %d MiB", sum>>20))
		}
	}
}

// refusal marks what no further try would change. The engine hands on the
// registry's words as text.
func refusal(text string) error {
	for _, final := range []string{"manifest unknown", "not found", "access denied", "unauthorized", "no matching manifest", "invalid reference"} {
		if strings.Contains(text, final) {
			return fmt.Errorf("%w: %s", ErrNotInRegistry, text)
		}
	}
	if err := dns.Unknown(text); err != nil {
		return err
	}
	return errors.New(text)
}
