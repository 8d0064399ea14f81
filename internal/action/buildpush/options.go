// Package buildpush builds an image from a Dockerfile and pushes it. What the
// registry already has under the same content is not built again; whether the push
// is allowed is found out before anything is built; and what comes out is the
// digest that the registry itself answers with.
package buildpush

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/imagetag"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/internal/signature"
)

// Options say what to build and where it goes.
type Options struct {
	Image       string         // repository without a tag
	Tags        []string       // rules of [imagetag]; none: the commit's full SHA, or "latest" outside of a repository
	Flavor      []string       // of the tags
	Event       imagetag.Event // what happened; SHA, CommitDate and Now are filled in
	Fork        bool           // a pull request from a fork is why this runs: GitHub gives it no secrets, and a token that only reads
	Context     string         // directory, or URL of a Git repository or an archive
	File        string         // Dockerfile; "" is Dockerfile in the context
	Target      string         // stage; "" is the last
	BuildArgs   []string       // NAME=value, no secrets
	Labels      []string       // name=value; they win over those made from the event
	Annotations []string       // the same, at Levels or with a level of their own
	Levels      []string       // of the annotations; none: no annotation but those of Annotations, at the manifest
	Features    builder.Features
	Push        bool
	Merge       []string             // images that are there, by digest or reference, to become one index: nothing is built
	Sign        *signature.Options   // who signs; nil is nobody
	Credentials registry.Credentials // zero: what Docker's configuration holds

	Epoch              string // SOURCE_DATE_EPOCH: seconds; "" is the commit's date, [NoEpoch] leaves it out
	RewriteTimestamp   bool   // files of new layers get the epoch as their time; needs buildx
	AlwaysBuild        bool   // also when the registry has an image of the same content, whose place it takes
	VerifyReproducible bool   // build twice from nothing first, and compare; with buildx, times are rewritten

	Docker    []string       // docker commands to choose from; see [builder.Candidates]
	Plugin    string         // buildx's own program, see [builder.Plugin]; "" is none
	API       *docker.Engine // of the engine that Plugin builds with, and used when there is no command; nil is none
	ConfigDir string         // Docker's configuration, kept beside Credentials; "" is none
	Runner    run.Runner
	Registry  Registry // nil: the one that Image names, with Credentials
	// Base answers with the digest of a base image; nil asks its registry.
	Base     func(ctx context.Context, ref string) (string, error)
	Progress func(string)     // may be nil
	BuildLog io.Writer        // what the tools print, foreign text; may be nil
	Log      *slog.Logger     // may be nil
	Now      func() time.Time // for tests; nil is time.Now

	logins *registry.Logins // for all that is asked of registries
}

// NoEpoch as an epoch means: the image has the times of its build.
const NoEpoch = "none"

// Registry is what is asked of the registry.
type Registry interface {
	CheckPush(context.Context, registry.Repository) error
	Digest(ctx context.Context, r registry.Repository, tagOrDigest string) (string, error)
	Read(ctx context.Context, r registry.Repository, tagOrDigest string) (registry.Manifest, error)
	Tag(ctx context.Context, r registry.Repository, m registry.Manifest, tags []string) error
	Attestations(ctx context.Context, r registry.Repository, tagOrDigest string) ([]registry.Attested, error)
	Merge(ctx context.Context, r registry.Repository, parts []registry.Part, tags []string) (digest string, platforms []string, err error)
}
