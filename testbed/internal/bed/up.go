package bed

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/artifact"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/node"
	"github.com/buenhyden/hy-home/testbed/internal/services"
	"github.com/buenhyden/hy-home/testbed/plain"
)

// Platform is the name of the platform and of its cluster.
const Platform = "hy-home"

// Up brings the bed to a level. What is there already stays as it is.
func (b *Bed) Up(ctx context.Context, level Level, observe func(engine.Event)) error {
	var nodes []engine.Node
	var err error
	if level == Plain {
		nodes, err = b.plainNodes()
	} else {
		nodes, err = b.engineNodes(ctx, level)
	}
	if err != nil {
		return err
	}
	_, err = engine.Run(ctx, nodes, engine.Options{Observe: observe})
	return err
}

// step is a node of the bed's own lane.
func step(id string, needs []string, run func(context.Context, func(string)) (engine.Outcome, error)) engine.Node {
	return engine.Node{ID: id, Lane: "testbed", Needs: needs, Run: run}
}

func ids(nodes []engine.Node) []string {
	var list []string
	for _, n := range nodes {
		list = append(list, n.ID)
	}
	return list
}

func (b *Bed) plainNodes() ([]engine.Node, error) {
	c, err := b.contents()
	if err != nil {
		return nil, err
	}
	var want []*artifact.Artifact
	for _, name := range plainParts() {
		want = append(want, c.parts[name])
	}
	nodes := artifact.Graph(b.store, want)
	nodes = append(nodes, step("packages", nil, func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		return host.Install(ctx, b.runner, host.PlainTools(), progress)
	}))
	return append(nodes, step("plain", ids(nodes), func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		if err := b.publish(c); err != nil {
			return "", err
		}
		outcome := engine.Created
		if _, err := plain.Open(b.PlainDir()); err == nil {
			outcome = engine.Unchanged
		}
		_, err := plain.Up(ctx, plain.Options{Dir: b.PlainDir(), BinDir: b.BinDir(), Progress: progress})
		return outcome, err
	})), nil
}

// engineNodes is the graph of the levels engine, data, charts and kind.
func (b *Bed) engineNodes(ctx context.Context, level Level) ([]engine.Node, error) {
	c, err := b.contents()
	if err != nil {
		return nil, err
	}
	docker, _ := b.engine.Client(ctx) // none yet is fine: one is started below
	missing := c.of(level)
	if b.upstream {
		missing = []imageOf{{name: services.Registry}}
	}
	missing = slices.DeleteFunc(slices.Clone(missing), func(i imageOf) bool {
		return docker != nil && i.artifact != nil && host.HasImage(ctx, docker, i.name, i.artifact.Key())
	})
	var want []*artifact.Artifact
	if docker == nil {
		want = append(want, c.parts["node-tools"]) // the OCI runtime, should the machine need it
	}
	for _, i := range missing {
		if i.artifact != nil {
			want = append(want, i.artifact)
		}
	}
	// What the engine needs is built first, so that it starts while the rest is
	// still being compiled.
	tools := host.BuildTools()
	nodes := []engine.Node{step("packages", nil, func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		if docker == nil {
			maps.Copy(tools, host.DockerTools())
		}
		if b.upstream && docker != nil {
			return engine.Unchanged, nil
		}
		return host.Install(ctx, b.runner, tools, progress)
	})}
	builds := artifact.Graph(b.store, want)
	for i := range builds {
		if builds[i].ID != "node-tools" {
			builds[i].Needs = append(builds[i].Needs, "packages")
		}
	}
	nodes = append(nodes, builds...)
	built := ids(builds)
	engineNeeds := []string{"packages"}
	if slices.Contains(built, "node-tools") {
		engineNeeds = append(engineNeeds, "node-tools")
	}
	nodes = append(nodes, step("docker", engineNeeds, func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		if err := b.publish(c); err != nil {
			return "", err
		}
		return b.dockerd().Start(ctx, progress)
	}))
	nodes = append(nodes, b.images(missing, built)...)
	// Tests run some of the programs on this machine, buildkitd among them.
	nodes = append(nodes, step("programs", append(slices.Clone(built), "docker"), func(context.Context, func(string)) (engine.Outcome, error) {
		return engine.Unchanged, b.publish(c)
	}))
	return append(nodes, b.around(c, level, missing)...), nil
}

// withDocker hands a step the connection to the engine.
func (b *Bed) withDocker(do func(context.Context, *client.Client, func(string)) (engine.Outcome, error)) func(context.Context, func(string)) (engine.Outcome, error) {
	return func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		c, err := b.engine.Client(ctx)
		if err != nil {
			return "", err
		}
		return do(ctx, c, progress)
	}
}

func loadID(i imageOf) string { return "load " + i.name }

// images brings the missing images into the engine.
func (b *Bed) images(missing []imageOf, built []string) []engine.Node {
	var nodes []engine.Node
	for _, i := range missing {
		needs := []string{"docker"}
		if i.artifact != nil && slices.Contains(built, i.artifact.Name) {
			needs = append(needs, i.artifact.Name)
		}
		nodes = append(nodes, step(loadID(i), needs, b.withDocker(func(ctx context.Context, c *client.Client, _ func(string)) (engine.Outcome, error) {
			if i.artifact == nil {
				return host.PullImage(ctx, c, i.name)
			}
			// The engine may have been started only just now, and remember.
			if host.HasImage(ctx, c, i.name, i.artifact.Key()) {
				return engine.Unchanged, nil
			}
			return host.LoadImage(ctx, c, b.store.Path(i.artifact))
		})))
	}
	return nodes
}

// around is what stands around the images: network, fence, registry, cluster.
func (b *Bed) around(c *contents, level Level, missing []imageOf) []engine.Node {
	loads := map[string]bool{}
	for _, i := range missing {
		loads[loadID(i)] = true
	}
	after := func(i imageOf, needs ...string) []string {
		if id := loadID(i); loads[id] {
			needs = append(needs, id)
		}
		return needs
	}
	nodes := []engine.Node{step("network", []string{"docker"}, b.withDocker(func(ctx context.Context, c *client.Client, _ func(string)) (engine.Outcome, error) {
		return host.MakeNetwork(ctx, c)
	}))}
	// The registry is the first of the images, and nothing is on the network
	// before it.
	registryNeeds := after(imageOf{name: services.Registry}, "network")
	if !b.upstream {
		nodes = append(nodes, step("fence", []string{"docker"}, func(ctx context.Context, _ func(string)) (engine.Outcome, error) {
			return host.Fence{Runner: b.runner}.Raise(ctx)
		}))
		registryNeeds = append(registryNeeds, "fence")
	}
	nodes = append(nodes, step("registry", registryNeeds, b.withDocker(host.StartRegistry)))
	if !b.upstream {
		for _, i := range c.of(level) {
			if i.mirrored {
				nodes = append(nodes, step("push "+i.name, after(i, "registry"), b.withDocker(func(ctx context.Context, c *client.Client, _ func(string)) (engine.Outcome, error) {
					return host.PushImage(ctx, c, i.name)
				})))
			}
		}
	}
	limits := step("kernel limits", nil, func(context.Context, func(string)) (engine.Outcome, error) { return host.RaiseInotify() })
	nodes = append(nodes, limits)
	if level != Kind {
		return nodes
	}
	build := step("hyaction", nil, b.buildHyaction)
	cluster := step("cluster", append(after(imageOf{name: node.Name}, "registry"), limits.ID, build.ID), b.setupPlatform)
	return append(nodes, build, cluster)
}

// goroot asks the go command: a program built with -trimpath does not know.
func (b *Bed) goroot() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	res, err := b.runner.Run(ctx, run.Cmd{Name: "go", Args: []string{"env", "GOROOT"}, Dir: b.root})
	if err != nil {
		return "", err
	}
	root := strings.TrimSpace(res.Stdout)
	if root == "" {
		return "", errors.New("go env GOROOT answers nothing")
	}
	return root, nil
}
