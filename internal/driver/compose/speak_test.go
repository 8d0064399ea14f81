package compose

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
)

// The names of a container lead to where it is; what has no address has no name.
func TestNamed_WhatContainersCallEachOther(t *testing.T) {
	known := map[string]netip.Addr{}
	at := func(ip string, names ...string) *network.EndpointSettings {
		return &network.EndpointSettings{IPAddress: ip, Aliases: names[:1], DNSNames: names}
	}
	named(known, "kafka-1", container.InspectResponse{
		Config: &container.Config{Hostname: "broker"},
		NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{
			"b_net": at("172.19.0.3", "kafka-1", "kafka.infra.local"), "a_net": at("172.19.0.2", "kafka-1"), "c_net": at("", "kafka-1", "stopped"),
		}},
	})
	want := map[string]netip.Addr{
		"kafka-1": netip.MustParseAddr("172.19.0.2"), "broker": netip.MustParseAddr("172.19.0.2"), "kafka.infra.local": netip.MustParseAddr("172.19.0.3"),
	}
	if !reflect.DeepEqual(known, want) {
		t.Errorf("got %v", known)
	}
}
