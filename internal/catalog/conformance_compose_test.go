package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// What the conformance suite asks of Compose files, and of what they share.

// composeFile is as much of compose.yaml as the suite looks at.
type composeFile struct {
	Services map[string]struct {
		Image       string         `yaml:"image"`
		Command     []string       `yaml:"command"`
		Environment map[string]any `yaml:"environment"`
		Hostname    string         `yaml:"hostname"`
		MemLimit    string         `yaml:"mem_limit"`
		CPUs        float64        `yaml:"cpus"`
		Restart     string         `yaml:"restart"`
		Healthcheck *healthcheck   `yaml:"healthcheck"`
		DependsOn   map[string]struct {
			Condition string `yaml:"condition"`
		} `yaml:"depends_on"`
		Ports    []string `yaml:"ports"`
		Networks networks `yaml:"networks"`
		Configs  []struct {
			Source string `yaml:"source"`
		} `yaml:"configs"`
	} `yaml:"services"`
	Configs map[string]struct {
		File string `yaml:"file"`
	} `yaml:"configs"`
}

type healthcheck struct {
	Disable  bool          `yaml:"disable"`
	Interval time.Duration `yaml:"interval"`
	Retries  int           `yaml:"retries"`
}

// networks are those that a service is on, with its names there beside its own.
type networks map[string]struct {
	Aliases []string `yaml:"aliases"`
}

// UnmarshalYAML reads both of Compose's forms; a list names none.
func (n *networks) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	type plain networks
	return node.Decode((*plain)(n))
}

// readCompose is a component's Compose file, if it has one, with the images' names
// filled in.
func readCompose(t *testing.T, c Component) (file composeFile, ok bool) {
	t.Helper()
	text, err := fs.ReadFile(c.Files, "compose.yaml")
	if errors.Is(err, fs.ErrNotExist) {
		return file, false
	}
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	setting := func(name string) string { // as the driver fills it in
		text, _ := c.Settings[strings.ToLower(strings.ReplaceAll(name, "_", "-"))].(string)
		return text
	}
	for name, s := range file.Services {
		s.Image = os.Expand(s.Image, setting)
		file.Services[name] = s
	}
	return file, true
}

func TestConformance_Compose(t *testing.T) {
	each(t, func(t *testing.T, c Component) {
		file, ok := readCompose(t, c)
		if ok != (c.Driver == "compose") {
			t.Errorf("its driver is %s; that it has a compose.yaml is %t", c.Driver, ok)
		}
		if !ok {
			return
		}
		used := map[string]bool{}
		var limits Bytes // of all that stays
		for name, s := range file.Services {
			used[s.Image] = true
			if !slices.Contains(c.Images, s.Image) {
				t.Errorf("service %s: image %q is not listed in component.yaml", name, s.Image)
			}
			if s.MemLimit == "" || s.CPUs == 0 {
				t.Errorf("service %s: mem_limit and cpus must be set, or one service can starve all others", name)
			}
			if s.Restart == "" {
				t.Errorf(`service %s: restart must say what it is: unless-stopped for a service, "no" for a job`, name)
			}
			if s.Restart == "no" && len(c.Ready) == 0 {
				t.Errorf("service %s: that a job ended well proves nothing of what it should have made: add a probe of that", name)
			}
			if s.Restart != "no" && s.Healthcheck == nil {
				t.Errorf("service %s: a service needs a healthcheck", name)
			}
			testHealthcheck(t, file, name)
			var limit Bytes
			if err := limit.UnmarshalText([]byte(strings.TrimSuffix(s.MemLimit, "m") + "Mi")); err == nil && s.Restart != "no" {
				limits += limit
			}
		}
		for _, image := range c.Images {
			if !used[image] {
				t.Errorf("image %q is listed and no service uses it", image)
			}
		}
		if c.Budget.Limit != limits {
			t.Errorf("budget.limit is %s, its services' limits are %s together", c.Budget.Limit, limits)
		}
		for name, config := range file.Configs {
			if config.File == "" {
				continue
			}
			if _, err := fs.Stat(c.Files, config.File); errors.Is(err, fs.ErrNotExist) {
				t.Errorf("configs.%s: there is no file %s", name, config.File)
			}
		}
	})
}

// testHealthcheck is about how often the engine asks. The driver looks at the start by
// itself, and asking has its price for as long as a container lives; Compose alone
// waits for the engine, where another service waits for this one. One that is not well
// for 60 to 90 s is called unhealthy.
func testHealthcheck(t *testing.T, file composeFile, name string) {
	t.Helper()
	h := file.Services[name].Healthcheck
	if h == nil || h.Disable {
		return
	}
	want := 30 * time.Second
	for _, s := range file.Services {
		if s.DependsOn[name].Condition == "service_healthy" {
			want = 3 * time.Second
		}
	}
	if h.Interval != want {
		t.Errorf("service %s: its healthcheck has interval %s, want %s", name, h.Interval, want)
	}
	if bad := h.Interval * time.Duration(h.Retries); bad < 60*time.Second || bad > 90*time.Second {
		t.Errorf("service %s: it is unhealthy after %s", name, bad)
	}
}

// What a Compose component exposes must be one of its services: nobody else
// answers to that name.
func TestConformance_Expose(t *testing.T) {
	each(t, func(t *testing.T, c Component) {
		file, ok := readCompose(t, c)
		if !ok {
			return
		}
		for _, e := range c.Expose {
			for _, host := range e.Hosts {
				if _, ok := file.Services[host]; !ok {
					t.Errorf("expose %s: %s is no service of compose.yaml", e.Name, host)
				}
			}
		}
	})
}

// What all components share, each takes once: ports of the machine and of the nodes,
// and names on the data tier's network, where Docker would answer with either.
func TestConformance_PortsAndNamesAreTakenOnce(t *testing.T) {
	taken := map[string]string{}
	each(t, func(t *testing.T, c Component) {
		take := func(what string) {
			if other, ok := taken[what]; ok && other != c.Name {
				t.Errorf("%s is taken by %s already", what, other)
			}
			taken[what] = c.Name
		}
		ports := slices.Clone(c.Ports)
		if port, ok := c.Settings["port"].(int); ok { // of a driver that listens on this machine
			ports = append(ports, port)
		}
		for _, port := range ports {
			take(fmt.Sprintf("port %d of the machine", port))
		}
		for _, e := range c.Expose {
			if e.NodePort != 0 {
				take(fmt.Sprintf("port %d of the nodes", e.NodePort))
			}
		}
		file, ok := readCompose(t, c)
		if !ok {
			return
		}
		for name, s := range file.Services {
			if len(s.Ports) > 0 {
				t.Errorf("service %s: it publishes %v, and a second platform could not: clients have its name on the network", name, s.Ports)
			}
			take("the name " + name)
			if s.Hostname != "" {
				take("the name " + s.Hostname)
			}
			for _, alias := range s.Networks["infra"].Aliases {
				take("the name " + alias)
			}
		}
	})
}
