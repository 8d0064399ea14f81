package values

import (
	"reflect"
	"strings"
	"testing"
)

func TestMerge_ReplacesAllButMappings(t *testing.T) {
	under, err := Parse([]byte("replicas: 1\nserver: {retention: 15d, args: [a]}\nsince: 2024-01-01\n"))
	if err != nil {
		t.Fatal(err)
	}
	over, err := Parse([]byte("server: {retention: 30d, args: [b, c]}\nlabels: null\nreplicas: 3\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"replicas": 3.0, "server": map[string]any{"retention": "30d", "args": []any{"b", "c"}}, "labels": nil, "since": "2024-01-01"}
	if got := Merge(under, over); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if under["replicas"] != 1.0 {
		t.Errorf("what lies under was changed: %v", under)
	}
}

func TestParse_TakesOneMapping(t *testing.T) {
	for text, want := range map[string]string{"- a\n": "it must be a mapping of values", "a: 1\na: 2\n": `key "a" already set`, "a: [": "line 1"} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if v, err := Parse([]byte("# nothing\n")); err != nil || len(v) != 0 {
		t.Errorf("nothing: %v, %v", v, err)
	}
}

// The values of a subchart are also read where the chart around it looks into them.
func TestUnread_ChartsLookIntoTheirSubcharts(t *testing.T) {
	c := Chart{
		Defaults: map[string]any{"part": map[string]any{"boards": true}}, Templates: "{{ if .Values.part.boards }}",
		Parts: map[string]Chart{"part": {Defaults: map[string]any{"port": 80}, Templates: "{{ .Values.port }}"}},
	}
	unread, err := c.Unread([]byte("part: {boards: false, port: 81, board: true}"))
	if err != nil || len(unread) != 1 || unread[0].Path != "part.board" {
		t.Errorf("got %+v, %v; want part.board alone", unread, err)
	}
}

// Kyverno keeps a setting of its own hook below the name of its subchart of CRDs.
func TestUnread_BelowTheNameOfASubchart(t *testing.T) {
	chart := Chart{
		Templates: "{{ if .Values.crds.migration.enabled }}{{ end }}",
		Parts:     map[string]Chart{"crds": {Defaults: map[string]any{"groups": map[string]any{"policies": true}}}},
	}
	unread, err := chart.Unread([]byte("crds:\n  migration: {enabled: false}\n  groups: {policies: false}\n  migrations: {}\n"))
	if err != nil || len(unread) != 1 || unread[0].Path != "crds.migrations" {
		t.Errorf("got %v, %v, want crds.migrations alone", unread, err)
	}
}

// What is global is every subchart's as well, and no more free of slips than the rest.
func TestUnread_Globals(t *testing.T) {
	chart := Chart{
		Defaults:  map[string]any{"global": map[string]any{"domain": ""}},
		Templates: "{{ .Values.global.hub }}",
		Parts: map[string]Chart{
			"part":  {Templates: "{{ .Values.global.image.registry }}", Defaults: map[string]any{"global": map[string]any{"pull": "Always"}}},
			"other": {Parts: map[string]Chart{"library": {Templates: "{{ ((.Values.global.tls).on) }}"}}},
		},
	}
	unread, err := chart.Unread([]byte("global: {domain: a, hub: b, image: {registry: c}, pull: Never, tls: {on: true}, domian: d}"))
	if err != nil || len(unread) != 1 || unread[0].Path != "global.domian" || unread[0].Meant() != " (is global.domain meant?)" {
		t.Errorf("got %+v, %v; want global.domian alone", unread, err)
	}
}

// Istio's chart takes some of its values out of all by their names.
func TestUnread_PickedByName(t *testing.T) {
	chart := Chart{Templates: `{{ $v := pick .Values "cni" "env" -}}`}
	unread, err := chart.Unread([]byte("cni: {enabled: true}\nenv: {A: b}\nenvs: {}\n"))
	if err != nil || len(unread) != 1 || unread[0].Path != "envs" {
		t.Errorf("got %+v, %v; want envs alone", unread, err)
	}
}
