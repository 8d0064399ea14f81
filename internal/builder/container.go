package builder

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/run"
)

// wantsContainer says for what a builder must be made, "" if the one that is there
// will do. A builder of another driver than the engine's is the user's own choice.
func (b *build) wantsContainer(ctx context.Context) (why string, err error) {
	why = b.o.beyondEngine()
	if b.tool.Mode != Buildx || b.o.Builder != "" || b.o.Call != "" || why == "" {
		return "", nil
	}
	i, err := b.tool.inspect(ctx, b.runner, "", b.env)
	if err != nil || i.driver != dockerDriver || i.containerd && len(b.o.Allow) == 0 {
		return "", err
	}
	return why, nil
}

// beyondEngine says what is asked for that BuildKit inside of an engine with the
// classic image store has not. With containerd's store it has all but entitlements,
// which are granted when a builder is made.
func (o Options) beyondEngine() string {
	if len(o.Allow) > 0 {
		return "entitlements (input allow)"
	}
	if len(o.Platforms) > 1 {
		return "several platforms"
	}
	if len(o.Attests) > 0 || wanted(o.Provenance) || wanted(o.SBOM) {
		return "attestations"
	}
	if len(o.Annotations) > 0 {
		return "annotations"
	}
	for _, c := range o.CacheTo {
		if kind := attribute(c, "type"); kind != "inline" {
			return "a cache export of type " + firstNonEmpty(kind, "registry")
		}
	}
	for _, c := range o.CacheFrom {
		if kind := attribute(c, "type"); kind != "" && kind != "registry" && kind != "local" {
			return "a cache import of type " + kind
		}
	}
	for _, out := range o.outputs() {
		if kind := attribute(out, "type"); kind != "" && kind != "local" && kind != "tar" {
			return "an output of type " + kind
		}
	}
	return ""
}

// wanted reads an input such as provenance: true, false or attributes.
func wanted(attestation string) bool {
	return attestation != "" && attestation != "false" && attribute(attestation, "disabled") != "true"
}

// container is a builder of our own, for one build: BuildKit in a container. Its
// name says until when its run may last, so that a later run knows which ones a
// killed run has left behind. buildx keeps its entry where BUILDX_CONFIG says, in
// our own directory.
type container struct {
	b    *build
	name string
}

const (
	containerPrefix = "hyaction-"
	nodePrefix      = "buildx_buildkit_" // of what buildx calls the container of a builder, and its volume
)

// removal bounds what is done after the build ended or was cancelled, and takes a
// fifth of a second. The runner kills 10 s after it cancelled, of which the build may
// take run.Grace, and so may a removal that does not end.
const removal = 3 * time.Second

func (b *build) makeContainer(ctx context.Context, why string) (*container, error) {
	b.sweepContainers(ctx)
	c := &container{b: b, name: containerPrefix + b.until + "-" + strings.ToLower(rand.Text()[:8])}
	b.say("making a builder with the docker-container driver for this build: the engine's own has no way for " + why)
	args := []string{"create", "--name=" + c.name, "--driver=docker-container"}
	if b.onLoopback() {
		args = append(args, "--driver-opt=network=host") // else its localhost is not ours
	}
	var flags []string
	for _, a := range b.o.Allow {
		name, _, _ := strings.Cut(a, "=") // device=vendor/class is granted to a build, device to its builder
		if slices.Contains([]string{"network.host", "security.insecure", "device"}, name) {
			flags = append(flags, "--allow-insecure-entitlement="+name)
		}
	}
	if len(flags) > 0 {
		args = append(args, "--buildkitd-flags="+strings.Join(flags, " "))
	}
	create := b.tool.buildx(args...)
	create.Env = b.env
	if res, err := b.runner.Run(ctx, create); err != nil {
		return nil, fault(ctx, "make a builder for "+why, res, err)
	}
	return c, nil
}

// onLoopback reports whether a registry that the build speaks to is on this machine.
func (b *build) onLoopback() bool {
	for _, ref := range b.o.Refs {
		host, _, _ := strings.Cut(ref, "/")
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
			return true
		}
	}
	return false
}

// remove removes the builder with its container and its cache, also when ctx has
// ended. What it could not do is returned as a sentence; a later run does it.
func (c *container) remove(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removal)
	defer cancel()
	rm := c.b.tool.buildx("rm", "--force", c.name)
	rm.Env = c.b.env
	if _, err := c.b.runner.Run(ctx, rm); err != nil {
		return fmt.Sprintf("builder %s could not be removed and stays until a later run: %v", c.name, err)
	}
	return ""
}

// sweepContainers removes the containers and volumes of builders whose runs are over
// and did not come to remove them. It is done for good measure: the build goes on
// without it.
func (b *build) sweepContainers(ctx context.Context) {
	if b.tool.CLI == "" {
		return
	}
	docker := func(args ...string) []string {
		res, err := b.runner.Run(ctx, run.Cmd{Name: b.tool.CLI, Args: args, Env: b.env})
		if err != nil {
			return nil
		}
		return strings.Fields(res.Stdout)
	}
	for _, name := range docker("ps", "--all", "--filter=name="+nodePrefix+containerPrefix, "--format={{.Names}}") {
		if past(strings.TrimPrefix(name, nodePrefix+containerPrefix), b.now) {
			docker("rm", "--force", "--volumes", "--", name)
		}
	}
	for _, name := range docker("volume", "ls", "--filter=name="+nodePrefix+containerPrefix, "--format={{.Name}}") {
		if past(strings.TrimPrefix(name, nodePrefix+containerPrefix), b.now) {
			docker("volume", "rm", "--force", "--", name)
		}
	}
}
