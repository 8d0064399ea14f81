package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/engine"
	saved "github.com/buenhyden/hy-home/testbed/internal/image"
)

// HasImage reports whether the engine has the image of the artifact with this key.
func HasImage(ctx context.Context, c *client.Client, name, key string) bool {
	i, err := c.ImageInspect(ctx, name)
	return err == nil && i.Config != nil && i.Config.Labels[saved.KeyLabel] == key
}

// LoadImage loads an image from its artifact's directory.
func LoadImage(ctx context.Context, c *client.Client, dir string) (engine.Outcome, error) {
	archive, err := saved.OpenSaved(dir)
	if err != nil {
		return "", err
	}
	defer archive.Close()
	res, err := c.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return "", fmt.Errorf("load the image in %s: %w", dir, err)
	}
	defer res.Body.Close()
	return engine.Created, streamError(res.Body)
}

// PullImage fetches an image from its upstream registry.
func PullImage(ctx context.Context, c *client.Client, name string) (engine.Outcome, error) {
	if _, err := c.ImageInspect(ctx, name); err == nil {
		return engine.Unchanged, nil
	}
	body, err := c.ImagePull(ctx, name, image.PullOptions{})
	if err != nil {
		return "", engine.Transient(fmt.Errorf("pull %s: %w", name, err))
	}
	defer body.Close()
	if err := streamError(body); err != nil {
		return "", engine.Transient(fmt.Errorf("pull %s: %w", name, err))
	}
	return engine.Created, nil
}

// anonymous is the credential of a registry without any: an empty JSON object in
// base64, without which engines before 24 refuse to push.
const anonymous = "e30="

// push copies an image to a registry under another name. The name stays: with it
// the engine remembers the digest, by which a second run knows that it is there.
func push(ctx context.Context, c *client.Client, name, as string) error {
	if err := c.ImageTag(ctx, name, as); err != nil {
		return fmt.Errorf("tag %s: %w", name, err)
	}
	body, err := c.ImagePush(ctx, as, image.PushOptions{RegistryAuth: anonymous})
	if err != nil {
		return fmt.Errorf("push %s: %w", as, err)
	}
	defer body.Close()
	if err := streamError(body); err != nil {
		return fmt.Errorf("push %s: %w", as, err)
	}
	return nil
}

// streamError reads the engine's stream of progress to its end. What goes wrong
// on the way stands in there, under a status of 200.
func streamError(r io.Reader) error {
	for d := json.NewDecoder(r); ; {
		var m struct{ Error string }
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
	}
}
