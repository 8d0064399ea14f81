package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/bed"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/services"
)

// plugin gives docker the buildx that the test bed has built, if it has; all ways have
// it then, as on GitHub's runners.
func (b *benchmark) plugin() error {
	test, err := bed.Find(os.Getenv, run.Exec{})
	if err != nil {
		return err
	}
	defer test.Close()
	from, err := exec.LookPath(filepath.Join(test.BinDir(), "docker-buildx"))
	if err != nil {
		return nil // without, as the report says
	}
	config := filepath.Join(b.out, "docker")
	b.runner.Environ = append(os.Environ(), "DOCKER_CONFIG="+config)
	return errors.Join(
		os.RemoveAll(config),
		os.MkdirAll(filepath.Join(config, "cli-plugins"), 0o700),
		os.Symlink(from, filepath.Join(config, "cli-plugins", "docker-buildx")),
	)
}

// ours is the way that is held against the others.
const ours = "build-push"

// way builds a context and pushes it under a tag.
type way struct {
	name string
	do   func(ctx context.Context, dir, tag string) error
}

func (b *benchmark) ways() []way {
	ways := []way{{"docker build, docker push", func(ctx context.Context, dir, tag string) error {
		if err := b.docker(ctx, "build", "--quiet", version(tag), "--tag="+tag, dir); err != nil {
			return err
		}
		return b.docker(ctx, "push", "--quiet", tag)
	}}}
	if b.tool.Mode == builder.Buildx {
		ways = append(ways, way{"docker buildx build --push", func(ctx context.Context, dir, tag string) error {
			return b.docker(ctx, "buildx", "build", "--quiet", "--push", "--provenance=false", version(tag), "--tag="+tag, dir)
		}})
	}
	return append(ways, way{ours, func(ctx context.Context, dir, tag string) error {
		return b.buildPush(ctx, dir, tag, b.reuses)
	}})
}

// version is the label that an image has of its tag by metadata-action, and by
// build-push: with it each tag is another image, whoever makes it.
func version(tag string) string {
	return "--label=org.opencontainers.image.version=" + tag[strings.LastIndex(tag, ":")+1:]
}

func (b *benchmark) buildPush(ctx context.Context, dir, tag string, always bool) error {
	args := []string{"build-push", "--image", repository, "--tags", strings.TrimPrefix(tag, repository+":"), "--context", dir}
	if always {
		args = append(args, "--always-build")
	}
	return b.command(ctx, b.hyaction, args...)
}

// fresh makes a context with 32 MiB that no layer has yet, a step above it, and the
// source at the end, as it should be.
func (b *benchmark) fresh() (string, error) {
	b.n++
	dir := filepath.Join(b.out, fmt.Sprintf("context-%d", b.n))
	seed := fmt.Sprint(time.Now().UnixNano())
	dockerfile := "FROM " + host.RegistryHost + "/library/" + services.Redis + "\nCOPY seed /seed\nRUN head -c 33554432 /dev/urandom > /noise\nRUN sha256sum /noise > /sum\nCOPY source /source\n"
	return dir, errors.Join(
		os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "seed"), []byte(seed), 0o644),
		os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644),
		source(dir),
	)
}

// source writes a source file that is like no other.
func source(dir string) error {
	return os.WriteFile(filepath.Join(dir, "source"), fmt.Append(nil, time.Now().UnixNano()), 0o644)
}

func (b *benchmark) tag() string {
	b.n++
	return fmt.Sprintf("%s:%d-%d", repository, os.Getpid(), b.n)
}
