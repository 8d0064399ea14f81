package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/platforms"
	"github.com/docker/buildx/build"
	"github.com/docker/buildx/builder"
	"github.com/docker/buildx/driver"
	_ "github.com/docker/buildx/driver/docker" // the builder inside of the engine
	"github.com/docker/buildx/store"
	"github.com/docker/buildx/store/storeutil"
	"github.com/docker/buildx/util/buildflags"
	"github.com/docker/buildx/util/confutil"
	"github.com/docker/buildx/util/dockerutil"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/opts"
	"github.com/docker/compose/v2/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	bclient "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/moby/buildkit/util/entitlements"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
)

// builderDir is where the builder notes which contexts it has seen: with it only
// what changed is sent again.
func builderDir(env engine.Env, component string) string {
	return filepath.Join(env.StateDir, component+".build")
}

// solve builds an image with the BuildKit inside of the engine. Compose's own
// Build would start the buildx plugin where the machine has one, with whatever
// builder its user has chosen, and prints to the standard output where it has none.
func (u *userProject) solve(ctx context.Context, cli *client.Client, b image) error {
	dockerCLI, err := newCLI(cli, u.env)
	if err != nil {
		return err
	}
	o, err := u.buildOptions(dockerCLI, b)
	if err != nil {
		return b.failure(err)
	}
	factory, err := driver.GetFactory("docker", false)
	if err != nil {
		return err
	}
	handle, err := driver.GetDriver(ctx, factory, driver.InitConfig{Name: "default", EndpointAddr: cli.DaemonHost(), DockerAPI: cli})
	if err != nil {
		return err
	}
	log := &buildLog{say: u.env.Progress}
	node := builder.Node{
		Node: store.Node{Name: "default", Endpoint: cli.DaemonHost()}, Builder: "default", Driver: handle,
		ProxyConfig: storeutil.GetProxyConfig(dockerCLI),
	}
	config := confutil.NewConfig(dockerCLI, confutil.WithDir(builderDir(u.env, u.component)))
	_, err = build.Build(ctx, []builder.Node{node}, map[string]build.Options{b.service: o}, dockerutil.NewClient(dockerCLI), config, log)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return b.failure(context.Cause(ctx))
	}
	cause := b.failure(errors.New(log.explain(plainBuild(err.Error()))))
	if passesBuild(err) {
		return engine.Transient(cause)
	}
	return cause
}

// passesBuild reports that building again may help: an image that could not be
// fetched, most of all.
func passesBuild(err error) bool { return !stepFailed.MatchString(err.Error()) && passing(err) }

// stepFailed is a step of the Dockerfile that ended badly: its command stands in
// the error, and may hold any of the words that faults of the network have.
var stepFailed = regexp.MustCompile(`did not complete successfully|executor failed running`)

// noise is what the way through the builder's protocol adds to an error.
var noise = regexp.MustCompile(`(?:failed to solve(?: with frontend [^:]+)?: |rpc error: code = \w+ desc = |failed to build LLB: )`)

func plainBuild(text string) string {
	return strings.Join(strings.Fields(noise.ReplaceAllString(text, "")), " ")
}

// buildOptions are a build section in the builder's terms.
func (u *userProject) buildOptions(dockerCLI command.Cli, b image) (build.Options, error) {
	o := build.Options{
		Inputs: build.Inputs{
			ContextPath: b.Context, DockerfilePath: b.dockerfile(), DockerfileInline: b.DockerfileInline,
			NamedContexts: map[string]build.NamedContext{},
		},
		NoCache: b.NoCache, Pull: b.Pull, Target: b.Target, NetworkMode: b.Network,
		BuildArgs: map[string]string{}, Labels: u.buildLabels(b), Tags: append([]string{b.name}, b.Tags...),
		ExtraHosts: b.ExtraHosts.AsList(":"), ShmSize: opts.MemBytes(b.ShmSize), Ulimits: ulimits(b.BuildConfig),
		Exports: []bclient.ExportEntry{{Type: "image", Attrs: map[string]string{}}},
		// It holds the time, so that no image would ever be the one of the last run.
		Attests: map[string]*string{"provenance": nil},
		Session: []session.Attachable{authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{ConfigFile: dockerCLI.ConfigFile()})},
	}
	if b.DockerfileInline != "" {
		o.Inputs.DockerfilePath = ""
	}
	for key, value := range b.Args {
		if value != nil {
			o.BuildArgs[key] = *value
		}
	}
	for name, where := range b.AdditionalContexts {
		if service, ok := strings.CutPrefix(where, types.ServicePrefix); ok {
			where = "docker-image://" + u.Services[service].Image // was built before
		}
		o.Inputs.NamedContexts[name] = build.NamedContext{Path: where}
	}
	if b.platform != "" {
		p, err := platforms.Parse(b.platform)
		if err != nil {
			return o, err
		}
		o.Platforms = append(o.Platforms, p)
	}
	for _, cache := range []struct {
		given types.StringList
		to    *[]bclient.CacheOptionsEntry
	}{{b.CacheFrom, &o.CacheFrom}, {b.CacheTo, &o.CacheTo}} {
		parsed, err := buildflags.ParseCacheEntry(cache.given)
		if err != nil {
			return o, err
		}
		*cache.to = build.CreateCaches(parsed)
	}
	allow, err := buildflags.ParseEntitlements(b.Entitlements)
	if err != nil {
		return o, err
	}
	if o.Allow = allow; b.Privileged {
		o.Allow = append(o.Allow, entitlements.EntitlementSecurityInsecure.String())
	}
	return o, u.attach(&o, b)
}

// attach gives a build its secrets and the agents that hold its keys: neither
// gets into the image.
func (u *userProject) attach(o *build.Options, b image) error {
	given := map[string][]byte{}
	for _, ref := range b.Secrets {
		s, id := u.Secrets[ref.Source], ref.Source
		if ref.Target != "" {
			id = filepath.Base(ref.Target)
		}
		if given[id] = []byte(s.Content); s.Content == "" && s.File != "" {
			text, err := os.ReadFile(s.File)
			if err != nil {
				return fmt.Errorf("secret %s: %w", ref.Source, err)
			}
			given[id] = text
		}
		u.env.Mask(string(given[id]))
	}
	if len(given) > 0 {
		o.Session = append(o.Session, secretsprovider.FromMap(given))
	}
	var agents []sshprovider.AgentConfig
	for _, key := range b.SSH {
		a := sshprovider.AgentConfig{ID: key.ID}
		if key.Path != "" {
			a.Paths = []string{key.Path}
		}
		agents = append(agents, a)
	}
	if len(agents) == 0 {
		return nil
	}
	provider, err := sshprovider.NewSSHAgentProvider(agents)
	if err != nil {
		return fmt.Errorf("ssh: %w", err)
	}
	o.Session = append(o.Session, provider)
	return nil
}

// buildLabels are those that Compose gives to an image, and the platform's on one
// that goes with it.
func (u *userProject) buildLabels(b image) map[string]string {
	labels := map[string]string{}
	maps.Copy(labels, b.Labels)
	labels[api.ProjectLabel], labels[api.ServiceLabel], labels[api.VersionLabel] = u.Name, b.service, api.ComposeVersion
	if b.ours {
		labels[docker.PlatformLabel] = u.env.Name
	}
	return labels
}

func ulimits(b types.BuildConfig) *opts.UlimitOpt {
	limits := map[string]*container.Ulimit{}
	for name, l := range b.Ulimits {
		limit := &container.Ulimit{Name: name, Soft: int64(l.Single), Hard: int64(l.Single)}
		if l.Soft != 0 || l.Hard != 0 {
			limit.Soft, limit.Hard = int64(l.Soft), int64(l.Hard)
		}
		limits[name] = limit
	}
	return opts.NewUlimitOpt(&limits)
}
