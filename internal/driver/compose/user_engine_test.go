package compose

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// On the engine: what people have comes up, stays as it is, and goes, while what
// was there before survives.
func TestEngine_UsersProject(t *testing.T) {
	d, cli := onEngine(t, redisImage)
	files := maps.Clone(project)
	files["compose.yml"] = strings.NewReplacer("name: infra_net", "name: hyt_user", "172.19.7.7", "192.168.214.77").Replace(files["compose.yml"])
	root := workdir(t, files)
	c := users(root, "compose.yml", "over.yml")
	e := platform(t, d, c)
	e.StateDir, e.Values, e.Mask, e.Warn = t.TempDir(), nil, func(string) {}, func(string) {}
	e.Secrets = map[string]string{}
	described, err := d.Describe(t.Context(), c, e)
	if err != nil {
		t.Fatal(err)
	}
	c.Secrets = described.Secrets
	for _, name := range c.Secrets {
		e.Secrets[name] = password
	}

	err = d.Preflight(t.Context(), []catalog.Component{c}, e)
	if err == nil || !strings.Contains(err.Error(), "compose.yml:16: network hyt_user is external and does not exist") {
		t.Fatalf("the network is not there yet: %v", err)
	}
	net, err := cli.NetworkCreate(t.Context(), "hyt_user", network.CreateOptions{IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: "192.168.214.0/24"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.NetworkRemove(context.Background(), net.ID) })
	bystander, err := cli.ContainerCreate(t.Context(), &container.Config{Image: redisImage, Labels: map[string]string{"com.docker.compose.project": "someone"}}, nil, nil, nil, "hyt-bystander")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.ContainerRemove(context.Background(), bystander.ID, forced) })

	if err := d.Preflight(t.Context(), []catalog.Component{c}, e); err != nil {
		t.Fatal(err)
	}
	for _, want := range []engine.Outcome{engine.Created, engine.Unchanged} {
		got, err := d.Apply(t.Context(), c, e)
		if err != nil || got != want {
			t.Fatalf("got %s, %v; want %s", got, err, want)
		}
	}
	cs, err := containers(t.Context(), cli, ProjectName(e.Name, c.Name))
	if err != nil || len(cs) != 3 {
		t.Fatalf("%d containers, %v", len(cs), err)
	}
	out, err := execute(t.Context(), cli, cs[2].id, []string{"sh", "-c", "cat /run/secrets/web_token; touch /data/x && hostname -i"})
	if err != nil || !strings.Contains(out, password) || !strings.Contains(out, "192.168.214.77") {
		t.Errorf("in web: %v, %v", strings.Contains(out, password), err)
	}
	if s, err := d.Status(t.Context(), c, e); s != "ready" {
		t.Errorf("status %q, %v", s, err)
	}
	c.Settings = nil // a removal needs no files
	for _, want := range []engine.Outcome{engine.Removed, engine.Unchanged} {
		if got, err := d.Remove(t.Context(), c, e); err != nil || got != want {
			t.Fatalf("remove: %s, %v; want %s", got, err, want)
		}
	}
	if _, err := cli.ContainerInspect(t.Context(), bystander.ID); err != nil {
		t.Errorf("the bystander: %v", err)
	}
	if _, err := cli.NetworkInspect(t.Context(), net.ID, network.InspectOptions{}); err != nil {
		t.Errorf("the network that was there before: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "secrets")); err == nil {
		t.Error("the generated secret is left")
	}
}
