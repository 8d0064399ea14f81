package compose

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/speak"
)

// checkSpeak speaks to each host of an endpoint. The names of containers, which
// this machine's resolver does not know, are those that the containers have among
// each other: a broker that tells its clients another name is not ready.
func checkSpeak(ctx context.Context, cli *client.Client, c catalog.Component, env engine.Env, p catalog.SpeakProbe, cs []state) error {
	i := slices.IndexFunc(c.Expose, func(e catalog.Endpoint) bool { return e.Name == p.Endpoint })
	if i < 0 {
		return fmt.Errorf("%s exposes no endpoint %s", c.Name, p.Endpoint)
	}
	e := c.Expose[i]
	if p.Bucket != "" {
		e.Bucket = p.Bucket
	}
	known, err := allNamed(ctx, cli, cs)
	if err != nil {
		return err
	}
	for _, host := range e.Hosts {
		t := speak.To(e, host, host, env.Secrets)
		t.Expect = p.Expect
		if _, err := speak.Once(ctx, t, known); err != nil {
			return fmt.Errorf("%s: %w", host, err)
		}
	}
	return nil
}

// allNamed is where the containers are, by name.
func allNamed(ctx context.Context, cli *client.Client, cs []state) (map[string]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	known := map[string]netip.Addr{}
	for _, s := range cs {
		full, err := cli.ContainerInspect(ctx, s.id)
		if err != nil {
			return nil, err
		}
		named(known, s.service, full)
	}
	return known, nil
}

// named adds what a container is called on its networks, with the address there;
// of several networks the first by name that knows it.
func named(known map[string]netip.Addr, service string, c container.InspectResponse) {
	for _, network := range slices.Sorted(maps.Keys(c.NetworkSettings.Networks)) {
		at := c.NetworkSettings.Networks[network]
		ip, err := netip.ParseAddr(at.IPAddress)
		if err != nil {
			continue // it is not running
		}
		for _, name := range slices.Concat([]string{service, c.Config.Hostname}, at.Aliases, at.DNSNames) {
			if _, taken := known[name]; !taken && name != "" {
				known[name] = ip
			}
		}
	}
}
