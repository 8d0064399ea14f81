// Package contentkey names an image by what it is made of, before it is built: the
// files of the context, the Dockerfile, the arguments and the digests of the base
// images. Two builds with the same key would make the same image, as far as a
// build cache believes so too: what an instruction fetches by itself (apt-get
// update, or an ONBUILD of a base image) is no part of the key.
//
// Files are taken as BuildKit's client sends them, by its own library, and the
// Dockerfile is read by BuildKit's own parser. It asks nobody: digests of base
// images are handed in by a function.
package contentkey

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/platforms"
)

// version is the format of the key: a change of what is hashed, or how, counts it up.
const version = "1"

// Inputs are what an image is made of.
type Inputs struct {
	Context       string   // directory
	File          string   // Dockerfile; "" is Dockerfile in the context
	Dockerfile    string   // its text, in place of a file
	Target        string   // stage; "" is the last
	BuildArgs     []string // NAME=value; the last of a name counts
	Labels        []string // name=value; see [Inputs.labels] for those that do not count
	Platforms     []string // "linux/amd64"; none: BuildPlatform
	BuildPlatform string   // of the engine
	Secrets       []string // names alone: a rotated token is no reason to build again
	Settings      []string // name=value of whatever else changes what comes out, such as attestations

	// Digest answers with the digest that a registry has for an image's name.
	Digest func(ctx context.Context, ref string) (string, error)
}

// Key is the name of the content.
type Key struct {
	Value string // 64 hexadecimal digits
	Bases []Base // the images it is built on, by name

	platforms []string
}

// Base is an image that is built on, and the digest it had.
type Base struct {
	Ref, Digest string
}

// Tag is the tag that an image of this content carries in the registry.
func (k Key) Tag() string { return "content-" + k.Value }

// Fits reports whether an image for these platforms is one for those of the key.
func (k Key) Fits(have []string) bool {
	normal, err := Platforms(have)
	return err == nil && slices.Equal(normal, k.platforms)
}

// Make reads everything that goes into the image. Where that cannot be known
// before the build, there is no key, and the fault says why in one line.
func Make(ctx context.Context, in Inputs) (Key, error) {
	file, err := in.readDockerfile()
	if err != nil {
		return Key{}, err
	}
	given := in.Platforms
	if len(given) == 0 {
		given = []string{in.BuildPlatform}
	}
	wanted, err := Platforms(given)
	if err != nil {
		return Key{}, err
	}
	args := last(in.BuildArgs)
	refs, err := in.images(file.text, args, wanted)
	if err != nil {
		return Key{}, err
	}
	var bases []Base
	var unknown error
	var asked sync.WaitGroup // while the files are read
	asked.Go(func() { bases, unknown = in.resolve(ctx, refs) })
	files, err := hashContext(ctx, in.Context, file.ignore)
	if asked.Wait(); unknown != nil {
		return Key{}, unknown
	}
	if err != nil {
		return Key{}, err
	}
	h := sha256.New()
	put(h, "version", version)
	put(h, "dockerfile", string(file.text))
	put(h, "context", string(files))
	put(h, "target", in.Target)
	put(h, "platforms", wanted...)
	put(h, "args", pairs(args)...)
	put(h, "labels", pairs(in.labels())...)
	put(h, "secrets", sorted(in.Secrets)...)
	put(h, "settings", sorted(in.Settings)...)
	for _, b := range bases {
		put(h, "base", b.Ref, b.Digest)
	}
	return Key{Value: hex.EncodeToString(h.Sum(nil)), Bases: bases, platforms: wanted}, nil
}

// put writes a field so that no two lists of fields read the same: each text
// behind its length.
func put(h hash.Hash, name string, values ...string) {
	text := func(s string) {
		h.Write(binary.AppendUvarint(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	text(name)
	h.Write(binary.AppendUvarint(nil, uint64(len(values))))
	for _, v := range values {
		text(v)
	}
}

// labels are those that count. Those of the OCI specification tell where an image
// comes from (revision, created, version), not what is in it: they change with
// each commit, and with them no image would ever be found again.
func (in Inputs) labels() map[string]string {
	counted := last(in.Labels)
	maps.DeleteFunc(counted, func(name, _ string) bool { return strings.HasPrefix(name, "org.opencontainers.image.") })
	return counted
}

// Platforms are platforms in their normal form, each once, in order.
func Platforms(given []string) ([]string, error) {
	out := make([]string, len(given))
	for i, p := range given {
		parsed, err := platforms.Parse(p)
		if err != nil {
			return nil, fmt.Errorf("platform %q: %w", p, err)
		}
		out[i] = platforms.Format(platforms.Normalize(parsed))
	}
	return sorted(out), nil
}

// last reads name=value pairs; the last of a name counts, as it does for docker.
func last(list []string) map[string]string {
	m := make(map[string]string, len(list))
	for _, pair := range list {
		name, value, _ := strings.Cut(pair, "=")
		m[name] = value
	}
	return m
}

func pairs(m map[string]string) []string {
	var out []string
	for name, value := range m {
		out = append(out, name+"="+value)
	}
	return sorted(out)
}

func sorted(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
