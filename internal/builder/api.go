package builder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	dockerbuild "github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"
	"github.com/docker/go-units"
)

// throughAPI builds and pushes with the engine's own builder, without a docker
// command. Base images are pulled with the login of the registry that is pushed to;
// those of others must be public.
func (b *build) throughAPI(ctx context.Context) (Image, error) {
	c, err := b.tool.api.Client(ctx)
	if err != nil {
		return Image{}, err
	}
	var img Image
	err = b.again(ctx, func() (err error) { img, err = b.buildByAPI(ctx, c); return err })
	if err != nil || !b.o.Push {
		return img, err
	}
	for _, ref := range b.o.Refs {
		b.say("pushing " + ref)
		if err = b.again(ctx, func() (err error) { img.Digest, err = b.pushByAPI(ctx, c, ref); return err }); err != nil {
			return Image{}, err
		}
	}
	return img, nil
}

func (b *build) buildByAPI(ctx context.Context, c *client.Client) (Image, error) {
	doing := "build " + b.o.Context
	opts, err := b.apiOptions()
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", doing, err)
	}
	var sent io.Reader
	if IsRemote(b.o.Context) {
		opts.RemoteContext = b.o.Context
	} else {
		files, dockerfile, err := b.archive()
		if err != nil {
			return Image{}, fmt.Errorf("%s: read the context: %w", doing, err)
		}
		defer files.Close()
		sent, opts.Dockerfile = files, dockerfile
	}
	res, err := c.ImageBuild(ctx, sent, opts)
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", doing, ended(ctx, err))
	}
	defer res.Body.Close()
	var img Image
	err = b.follow(res.Body, func(aux json.RawMessage) {
		var made struct{ ID string }
		if json.Unmarshal(aux, &made) == nil && made.ID != "" {
			img.ID = made.ID // the last one is the image's
		}
	})
	if err == nil && img.ID == "" {
		err = errors.New("the engine names no image ID")
	}
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", doing, ended(ctx, err))
	}
	return img, nil
}

// ended is the reason why ctx ended, where that is what broke a stream.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (b *build) apiOptions() (dockerbuild.ImageBuildOptions, error) {
	o := b.o
	opts := dockerbuild.ImageBuildOptions{
		Version: dockerbuild.BuilderV1, Tags: o.Refs, Target: o.Target, NoCache: o.NoCache, PullParent: o.Pull,
		Remove: true, ForceRemove: true, NetworkMode: o.Network, CgroupParent: o.CgroupParent, ExtraHosts: o.AddHosts,
		BuildArgs: map[string]*string{}, Labels: map[string]string{}, Dockerfile: o.File,
	}
	if len(o.Refs) > 0 {
		auth, err := b.auth(o.Refs[0])
		if err != nil {
			return opts, err
		}
		opts.AuthConfigs = map[string]registry.AuthConfig{auth.ServerAddress: auth}
	}
	for _, arg := range o.BuildArgs {
		name, value, _ := strings.Cut(arg, "=")
		opts.BuildArgs[name] = &value
	}
	for _, label := range o.Labels {
		name, value, _ := strings.Cut(label, "=")
		opts.Labels[name] = value
	}
	if o.ShmSize != "" {
		size, err := units.RAMInBytes(o.ShmSize)
		if err != nil {
			return opts, fmt.Errorf("input shm-size: %w", err)
		}
		opts.ShmSize = size
	}
	for _, u := range o.Ulimits {
		limit, err := units.ParseUlimit(u)
		if err != nil {
			return opts, fmt.Errorf("input ulimit: %w", err)
		}
		opts.Ulimits = append(opts.Ulimits, limit)
	}
	return opts, nil
}

// auth is the login for the registry of a reference: the one given, else what
// Docker's configuration holds.
func (b *build) auth(ref string) (registry.AuthConfig, error) {
	l := b.o.Login
	if l.Password == "" && b.o.Known != nil {
		var err error
		if l, err = b.o.Known(ref); err != nil {
			return registry.AuthConfig{}, err
		}
	}
	return registry.AuthConfig{Username: l.Username, Password: l.Password, ServerAddress: configHost(l.Host)}, nil
}

func (b *build) pushByAPI(ctx context.Context, c *client.Client, ref string) (string, error) {
	auth, err := b.auth(ref)
	if err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	header, err := registry.EncodeAuthConfig(auth)
	if err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	body, err := c.ImagePush(ctx, ref, image.PushOptions{RegistryAuth: header})
	if err != nil {
		return "", fmt.Errorf("push %s: %w", ref, ended(ctx, err))
	}
	defer body.Close()
	digest := ""
	err = b.follow(body, func(aux json.RawMessage) {
		var p struct{ Digest string }
		if json.Unmarshal(aux, &p) == nil && p.Digest != "" {
			digest = p.Digest
		}
	})
	if err == nil && digest == "" {
		err = errors.New("the engine names no digest of the pushed image")
	}
	if err != nil {
		return "", fmt.Errorf("push %s: %w", ref, ended(ctx, err))
	}
	return digest, nil
}

// follow reads what the engine tells of a build or a push, up to its error.
func (b *build) follow(body io.Reader, aux func(json.RawMessage)) error {
	out := b.sink.stream()
	defer out.end()
	for dec := json.NewDecoder(body); ; {
		var m struct {
			Stream, ID, Status, Error string
			Progress                  json.RawMessage `json:"progressDetail"`
			Aux                       json.RawMessage
		}
		switch err := dec.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("what the engine tells breaks off: %w", err)
		case m.Error != "":
			return errors.New(strings.TrimSpace(m.Error))
		case len(m.Aux) > 0:
			aux(m.Aux)
		case m.Stream != "":
			_, _ = io.WriteString(out, m.Stream)
		case m.Status != "" && (len(m.Progress) == 0 || bytes.Equal(m.Progress, []byte("{}"))):
			_, _ = fmt.Fprintln(out, strings.TrimPrefix(m.ID+": "+m.Status, ": "))
		}
	}
}

// outside reports whether the Dockerfile is not among the files of the context, and
// its name there if it is.
func (o Options) outside() (name string, outside bool) {
	if o.Dockerfile != "" {
		return "", true
	}
	if o.File == "" {
		return "Dockerfile", false
	}
	dir, err := filepath.Abs(o.Context)
	if err != nil {
		return "", true
	}
	file, err := filepath.Abs(o.File)
	if err != nil {
		return "", true
	}
	rel, err := filepath.Rel(dir, file)
	return filepath.ToSlash(rel), err != nil || !filepath.IsLocal(rel)
}
