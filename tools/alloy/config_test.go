package alloy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/alloy/syntax/ast"
	"github.com/grafana/alloy/syntax/parser"
	"github.com/grafana/alloy/syntax/vm"
	"sigs.k8s.io/yaml"
)

const components = "../../internal/catalog/components"

func TestConfigs_AreThoseThatAlloyReads(t *testing.T) {
	for name, config := range map[string]string{"alloy-docker": read(t, "alloy-docker/config.alloy"), "alloy": ofChart(t)} {
		t.Run(name, func(t *testing.T) {
			for _, fault := range faults(t, sourceOf(t, name), config) {
				t.Error(fault)
			}
		})
	}
}

// What the original design had, and other mistakes, must be found.
func TestConfigs_MistakesAreFound(t *testing.T) {
	known := sourceOf(t, "alloy")
	for want, config := range map[string]string{
		"no component tempo.write": `
tempo.write "traces" {
}`,
		"loki.write.logs: endpoint: url is missing": `
loki.write "logs" {
	endpoint {
	}
}`,
		"loki.write.logs: endpoint: no attribute uri": `
loki.write "logs" {
	endpoint {
		uri = "http://loki:3100"
	}
}`,
		"loki.source.kubernetes.pods: targets is missing": `
loki.source.kubernetes "pods" {
	forward_to = []
}`,
		"otelcol.exporter.otlphttp.loki: no block retry": `
otelcol.exporter.otlphttp "loki" {
	client {
		endpoint = "http://loki:3100/otlp"
	}
	retry {
	}
}`,
		`identifier "env_of" does not exist`: `
loki.write "logs" {
	endpoint {
		url = env_of("LOKI_URL")
	}
}`,
		`field "output" does not exist`: `
discovery.kubernetes "pods" {
	role = "pod"
}
loki.source.kubernetes "pods" {
	targets    = discovery.kubernetes.pods.output
	forward_to = []
}`,
	} {
		if got := strings.Join(faults(t, known, config), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s\ngot  %q\nwant %q", config, got, want)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(components, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ofChart is the configuration within the values of Alloy's chart.
func ofChart(t *testing.T) string {
	t.Helper()
	var values struct {
		Alloy struct{ ConfigMap struct{ Content string } }
	}
	if err := yaml.Unmarshal([]byte(read(t, "alloy/values.yaml")), &values); err != nil || values.Alloy.ConfigMap.Content == "" {
		t.Fatalf("the values have no configuration: %v", err)
	}
	return values.Alloy.ConfigMap.Content
}

// sourceOf fetches Alloy in the version of the component's image.
func sourceOf(t *testing.T, name string) map[string]component {
	t.Helper()
	image := regexp.MustCompile(`grafana/alloy:(v[0-9.]+)`).FindStringSubmatch(read(t, name+"/component.yaml"))
	if image == nil {
		t.Fatalf("%s has no image of Alloy", name)
	}
	out, err := exec.Command("go", "mod", "download", "-json", strings.TrimSuffix(module, "/")+"@"+image[1]).Output()
	var downloaded struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &downloaded); err != nil || jsonErr != nil {
		t.Fatalf("fetch Alloy %s: %v %s", image[1], err, downloaded.Error)
	}
	all, err := (&source{dir: downloaded.Dir, packages: map[string]*pkg{}}).components()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d components were found in the source of Alloy", len(all))
	}
	return all
}

// faults are what Alloy would refuse of a configuration.
func faults(t *testing.T, known map[string]component, config string) (all []string) {
	t.Helper()
	file, err := parser.ParseFile("config.alloy", []byte(config))
	if err != nil {
		return []string{err.Error()}
	}
	exported := map[string]any{}
	for _, statement := range file.Body {
		b, ok := statement.(*ast.BlockStmt)
		if !ok {
			continue
		}
		at := exported
		for _, part := range append(b.Name[:len(b.Name):len(b.Name)], b.Label) {
			inner, ok := at[part].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[part] = inner
			}
			at = inner
		}
		for export := range known[strings.Join(b.Name, ".")].exports.attributes {
			at[export] = "what " + export + " is"
		}
	}
	check := &checker{scope: vm.NewScope(exported)}
	for _, statement := range file.Body {
		b, ok := statement.(*ast.BlockStmt)
		if !ok {
			check.fault("config.alloy", "an attribute at the top")
			continue
		}
		title := strings.Join(b.Name, ".")
		c, found := known[title]
		switch {
		case !found:
			check.fault(title+"."+b.Label, "no component "+title)
		case c.stability != "featuregate.StabilityGenerallyAvailable":
			check.fault(title, "it is "+c.stability)
		default:
			check.body(title+"."+b.Label, c.arguments, b.Body)
		}
	}
	return check.faults
}

type checker struct {
	scope  *vm.Scope
	faults []string
}

func (c *checker) fault(at, what string) { c.faults = append(c.faults, at+": "+what) }

func (c *checker) body(at string, s schema, body ast.Body) {
	seen := map[string]bool{}
	for _, statement := range body {
		switch b := statement.(type) {
		case *ast.AttributeStmt:
			seen[b.Name.Name] = true
			if _, ok := s.attributes[b.Name.Name]; !ok && !s.open {
				c.fault(at, "no attribute "+b.Name.Name)
			}
			var value any
			if err := vm.New(b.Value).Evaluate(c.scope, &value); err != nil {
				c.fault(at, fmt.Sprintf("%s: %v", b.Name.Name, err))
			}
		case *ast.BlockStmt:
			title := strings.Join(b.Name, ".")
			seen[title] = true
			inner, ok := s.blocks[title]
			if !ok && !s.open {
				c.fault(at, "no block "+title)
				continue
			}
			if !ok {
				inner.open = true
			}
			c.body(at+": "+title, inner.schema, b.Body)
		}
	}
	for name, required := range s.attributes {
		if required && !seen[name] {
			c.fault(at, name+" is missing")
		}
	}
	for name, b := range s.blocks {
		if b.required && !seen[name] {
			c.fault(at, name+" is missing")
		}
	}
}
