package compose

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
)

// Another platform's service of the same name on the same network would get half
// of the questions.
func TestEngine_ANameThatIsTakenIsToldBeforeAnythingStarts(t *testing.T) {
	d, cli := onEngine(t, redisImage)
	ctx := within(t, 5*time.Minute)
	net, err := cli.NetworkCreate(ctx, "hyt_names", network.CreateOptions{IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: "192.168.210.0/24"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.NetworkRemove(context.Background(), net.ID) })
	c := redisCluster(t, catalog.Slim)
	e := env(fmt.Sprintf("hyt-%d", os.Getpid()))
	e.Values["infra-net-name"] = "hyt_names"
	run := func(platform, alias string) {
		t.Helper()
		made, err := cli.ContainerCreate(ctx, &container.Config{Image: redisImage, Labels: map[string]string{docker.PlatformLabel: platform}}, nil,
			&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{"hyt_names": {Aliases: []string{alias}}}}, nil, "")
		if err == nil {
			err = cli.ContainerStart(ctx, made.ID, container.StartOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cli.ContainerRemove(context.Background(), made.ID, forced) })
	}
	run(e.Name, "redis-node-1") // its own, of a run before
	run("hyt-two", "another")
	if err := d.Preflight(ctx, []catalog.Component{c}, e); err != nil {
		t.Fatal(err)
	}
	run("hyt-two", "redis-node-1")
	err = d.Preflight(ctx, []catalog.Component{c}, e)
	for _, want := range []string{"component redis-cluster: its service redis-node-1 would share that name on docker network hyt_names", "(hyaction platform down --name hyt-two)"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
