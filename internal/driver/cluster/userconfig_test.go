package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

// ofConfig is the cluster's component with a user's configuration.
func ofConfig(t *testing.T, text string) catalog.Component {
	t.Helper()
	return catalog.Component{Name: "kind", Driver: "cluster", Budget: catalog.Budget{Memory: 700 << 20}, Settings: map[string]any{
		"image": "kindest/node:v1.34.4", "control-planes": 1, "workers": 2, "config": text, "config-file": "kind.yaml", "config-root": t.TempDir(),
	}}
}

// The examples of kind's own tests and documentation, merged with ours.
func TestUserConfig_Golden(t *testing.T) {
	files, err := filepath.Glob("testdata/kind/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := ofConfig(t, string(text))
			c.Settings["config-root"] = "/home/me/shop"
			s, err := settings(c)
			var got []byte
			if err != nil {
				if exit.Code(err) != exit.BadInput {
					t.Fatal(err)
				}
				got = []byte("refused: " + err.Error() + "\n")
			} else {
				if got, err = yaml.Marshal(config(s)); err != nil {
					t.Fatal(err)
				}
				for _, w := range s.warnings("hy-home") {
					got = append(got, "# warning: "+w+"\n"...)
				}
			}
			golden.Compare(t, filepath.Join("merged", filepath.Base(file)), string(got))
		})
	}
}

func TestUserConfig_WhatItAsksFor(t *testing.T) {
	text, err := os.ReadFile("testdata/kind/design.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Driver{}.Describe(t.Context(), ofConfig(t, string(text)), engine.Env{})
	if err != nil || !slices.Equal(c.Ports, []int{30080, 30443}) || c.Budget.Memory != 734<<20 || len(c.Images) > 0 {
		t.Errorf("asks for ports %v, %s, images %v, %v", c.Ports, c.Budget.Memory, c.Images, err)
	}
	s, err := settings(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(images("hy", s)); got != "map[hy-control-plane:kindest/node:v1.34.4 hy-worker:kindest/node:v1.34.4 hy-worker2:kindest/node:v1.34.4 hy-worker3:kindest/node:v1.34.4]" {
		t.Errorf("nodes %s", got)
	}
}

func TestUserConfig_WhatCannotWorkIsToldInOneSentence(t *testing.T) {
	const head = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", ""},
		{"comment", "# nothing\n", "kind-config kind.yaml: it is empty"},
		{"no YAML", "kind: [\n", "kind-config kind.yaml: line 1: did not find expected node content"},
		{"other kind", "kind: Pod\napiVersion: v1\n", `kind-config kind.yaml is a "Pod" of "v1": it must be a Cluster of kind.x-k8s.io/v1alpha4`},
		{"unknown field", head + "nodez: []\n", `kind-config kind.yaml: line 3: unknown field "nodez"`},
		{"role", head + "nodes: [{role: boss}]\n", `nodes[0]: role "boss" must be control-plane or worker`},
		{"no control plane", head + "nodes: [{role: worker}]\n", "nodes has no control-plane"},
		{"mount", head + "nodes: [{role: control-plane, extraMounts: [{hostPath: ./gone, containerPath: /x}]}]\n", "hostPath "},
		{"port twice", head + "nodes: [{role: control-plane, extraPortMappings: [{containerPort: 80, hostPort: 80}]}, {role: worker, extraPortMappings: [{containerPort: 81, hostPort: 80}]}]\n", "hostPort 80 is mapped by nodes[0] already"},
		{"ipv6", head + "networking: {ipFamily: dual}\n", `networking.ipFamily is "dual": the platform's networks are ipv4`},
		{"no CNI", head + "networking: {disableDefaultCNI: true}\n", "no node would become Ready"},
		{"mirrors", head + "containerdConfigPatches: ['[plugins.\"io.containerd.grpc.v1.cri\".registry.mirrors.\"x\"]']\n", "use the input registry-mirror"},
		{"pods on a network", head + "networking: {podSubnet: 172.19.64.0/18}\n", "networking.podSubnet 172.19.64.0/18 overlaps the platform's network infra_net (172.19.0.0/16): choose another"},
		{"pods and services", head + "networking: {podSubnet: 10.0.0.0/8}\n", "networking.podSubnet 10.0.0.0/8 overlaps networking.serviceSubnet (10.96.0.0/16)"},
		{"no subnet", head + "networking: {serviceSubnet: big}\n", `networking.serviceSubnet "big" is no IPv4 subnet`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := engine.Env{Name: "hy", Values: map[string]string{"infra-net-name": "infra_net", "infra-net-subnet": "172.19.0.0/16"}, Warn: func(string) {}}
			s, err := settings(ofConfig(t, tt.text))
			if err == nil {
				err = s.checkConfigured(env)
			}
			if tt.want == "" && err != nil || tt.want != "" && (exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want bad input with %q", err, tt.want)
			}
		})
	}
}
