package catalog

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
)

const good = `name: db
description: A database
tier: docker
driver: compose
needs: [{name: net, why: it lives there}]
budget: {cpu: 250m, memory: 128Mi, disk: 1.5Gi}
images: [docker.io/library/postgres:17.2]
timeout: 90s
settings: {size: 1}
`

const network = `name: net
description: A network
tier: docker
driver: network
budget: {cpu: "0", memory: "0", disk: "0"}
timeout: 30s
`

func tree(files ...string) fstest.MapFS {
	fsys := fstest.MapFS{
		"components/net/component.yaml": {Data: []byte(network)},
		"profiles/all.yaml":             {Data: []byte("name: all\ndescription: x\ncomponents: [net, db]\n")},
		"components/db/component.yaml":  {Data: []byte(good)},
	}
	for i := 0; i+1 < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return fsys
}

func TestLoad_Good(t *testing.T) {
	cat, err := Load(tree("components/db/values.yaml", "a: 1"))
	if err != nil {
		t.Fatal(err)
	}
	c, ok := cat.Component("db")
	if !ok || c.Budget != (Budget{CPU: 250, Memory: 128 << 20, Disk: 3 << 29}) || time.Duration(c.Timeout) != 90*time.Second {
		t.Errorf("got %+v", c)
	}
	if f, err := c.Files.Open("values.yaml"); err != nil {
		t.Error(err)
	} else {
		_ = f.Close()
	}
	if _, ok := cat.Component("cache"); ok {
		t.Error("found a component that is not there")
	}
	if _, err := cat.Profile("none"); exit.Code(err) != exit.BadInput {
		t.Errorf("got %v", err)
	}
}

func TestLoad_NamesFileAndFault(t *testing.T) {
	const file = "components/db/component.yaml"
	swap := func(old, by string) []string { return []string{file, strings.Replace(good, old, by, 1)} }
	for _, tt := range []struct {
		name  string
		files []string
		want  string
	}{
		{"unknown field", swap("timeout", "time-out"), "components/db/component.yaml: line 8: unknown field \"time-out\""},
		{"not YAML", []string{file, "a: [b"}, "components/db/component.yaml: line 1:"},
		{"empty", []string{file, ""}, "components/db/component.yaml: it is empty"},
		{"two documents", []string{file, good + "---\nname: x\n"}, "holds more than one document"},
		{"other name", swap("name: db", "name: pg"), `name is "pg", want the directory's name "db"`},
		{"no reason", swap("why: it lives there", "why: ''"), `needs "net" without saying why`},
		{"proven in no known way", []string{file, good + "proven: {how: seen}\n"}, `proven: how is "seen", want one of ran, accepted, rendered, loaded`},
		{"ran, and nobody saw it", []string{file, good + "proven: {how: ran}\n"}, "proven: by is missing: say what saw that it runs"},
		{"unknown need", swap("name: net", "name: nets"), `needs "nets", which is no component`},
		{"no budget", swap("memory: 128Mi", "memory: '0'"), "budget.cpu and budget.memory must be more than 0"},
		{"bad quantity", swap("128Mi", "128MB"), `"128MB" is no amount of bytes`},
		{"no tag", swap(":17.2", ""), `image "docker.io/library/postgres" needs its registry and a fixed tag`},
		{"latest", swap(":17.2", ":latest"), "fixed tag"},
		{"no timeout", swap("timeout: 90s\n", ""), "timeout is 0s"},
		{"endless timeout", swap("90s", "9h"), "timeout is 9h0m0s"},
		{"bad tier", swap("tier: docker", "tier: cloud"), `tier is "cloud"`},
		{"bad port", []string{file, good + "ports: [70000]\n"}, "port 70000 is not between"},
		{"two probes", []string{file, good + "ready: [{crd: a, http: {url: x}}]\n"}, "ready[0] must have exactly one of object, crd"},
		{"exposed twice", []string{file, good + "expose: [{name: a, protocol: tcp, hosts: [x], port: 1}]\n", "components/net/component.yaml", network + "expose: [{name: a, protocol: tcp, hosts: [y], port: 1}]\n"}, "profiles/all.yaml: net and db both expose the endpoint a: leave one of them out"},
		{"profile leaves out a need", []string{"profiles/some.yaml", "name: some\ndescription: x\ncomponents: [db]\n"}, `profiles/some.yaml: chooses "db" but not "net", which it needs: it lives there`},
		{"profile has unknown", []string{"profiles/some.yaml", "name: some\ndescription: x\ncomponents: [dbs]\n"}, `chooses "dbs", which is no component`},
		{"profile sets unknown", []string{"profiles/some.yaml", "name: some\ndescription: x\ncomponents: [net, db]\nsettings: {db: {sise: 2}}\n"}, "sets db.sise, which the component does not have"},
		{"profile's name", []string{"profiles/some.yaml", "name: other\ndescription: x\ncomponents: []\n"}, `name is "other", want the file's name "some"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(tree(tt.files...))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant %q", err, tt.want)
			}
		})
	}
}

func TestDecodeSettings_IsStrict(t *testing.T) {
	c := Component{Name: "db", Settings: map[string]any{"size": 3, "extra": true}}
	var s struct {
		Size int `yaml:"size"`
	}
	err := c.DecodeSettings(&s)
	if err == nil || !strings.Contains(err.Error(), "component db: settings: line 1: unknown field \"extra\"") {
		t.Errorf("got %v", err)
	}
}

func TestQuantities_ReadBackAsWritten(t *testing.T) {
	for _, text := range []string{"250m", "2", "0"} {
		var c MilliCPU
		if err := c.UnmarshalText([]byte(text)); err != nil || c.String() != text {
			t.Errorf("cpu %q: got %s, %v", text, c, err)
		}
	}
	for _, text := range []string{"0", "64Ki", "128Mi", "1.5Gi", "2Gi"} {
		var y Bytes
		if err := y.UnmarshalText([]byte(text)); err != nil || y.String() != text {
			t.Errorf("bytes %q: got %s, %v", text, y, err)
		}
	}
	for _, text := range []string{"", "-1", "1e3", "0x1", "Inf", "5Gib", "m", "1.2.3", "99999999999999999999Gi"} {
		if new(Bytes).UnmarshalText([]byte(text)) == nil || new(MilliCPU).UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestWith_AddsOnesOwn(t *testing.T) {
	cat, err := Load(tree("", ""))
	if err != nil {
		t.Fatal(err)
	}
	mine := strings.NewReplacer("name: db", "name: mine", "name: net, why: it lives", "name: db, why: it stores").Replace(good)
	own := fstest.MapFS{"components/mine/component.yaml": {Data: []byte(mine)}}
	both, err := cat.With(own)
	if err != nil || len(both.Components) != len(cat.Components)+1 {
		t.Errorf("got %v, %v", both.Components, err)
	}
	if _, err := both.With(own); err == nil || !strings.Contains(err.Error(), "components/mine: there are two components of this name") {
		t.Errorf("got %v", err)
	}
}
