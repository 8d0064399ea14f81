package kustomize

import (
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/kv"
	"sigs.k8s.io/kustomize/api/pkg/loader"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/kustomize/v5/commands/edit/set"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	sigsyaml "sigs.k8s.io/yaml"
)

// conformanceFiles are layouts; conformanceArgs are what is set in each of them.
var conformanceFiles = map[string]string{
	"no images":          "resources:\n- a.yaml\n",
	"no images, indent":  "resources:\n  - a.yaml\n  - b.yaml # last\n",
	"empty list":         "images: []\nresources: [a.yaml]\n",
	"null":               "images:\nresources: [a.yaml]\n",
	"only a name":        "images:\n- name: app\n",
	"tag":                "images:\n- name: app\n  newTag: v1\n",
	"tag first":          "images:\n- newTag: v1\n  name: app\n",
	"digest":             "images:\n- name: app\n  digest: " + digest + "\n",
	"digest first":       "images:\n- digest: " + digest + "\n  name: app\n",
	"renamed":            "images:\n- name: app\n  newName: reg.example/app\n",
	"all":                "images:\n- digest: " + digest + "\n  name: app\n  newName: reg.example/app\n  newTag: \"1.10\"\n",
	"single quotes":      "images:\n- name: 'app'\n  newTag: 'v1'\n",
	"double quotes":      "images:\n- name: \"app\"\n  newTag: \"v1\"\n",
	"deep indent":        "images:\n    -   name: app\n        newTag: v1\n    -   name: redis\n        newTag: \"7\"\n",
	"several":            "images:\n- name: zeta\n  newTag: v9\n- name: app\n  newTag: v1\n- name: redis\n  newTag: 7.0-alpine\n",
	"comments":           "# top\nimages: # here\n# one\n- name: app # two\n  # three\n  newTag: v1 # four\n# five\nresources:\n- a.yaml\n# six\n",
	"component":          "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages:\n- name: app\n  newTag: v1\n",
	"header":             "---\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: x\nimages:\n  - name: app\n    newTag: v1\n",
	"crlf":               "resources:\r\n- a.yaml\r\nimages:\r\n- name: app\r\n  newTag: v1\r\n",
	"no line end":        "images:\n- name: app\n  newTag: v1",
	"blank lines":        "\nresources:\n\n- a.yaml\n\nimages:\n\n- name: redis\n  newTag: \"7\"\n\n- name: app\n\n  newTag: v1\n\n",
	"another case":       "Images:\n- Name: app\n  NewTag: v1\n",
	"tag suffix":         "images:\n- name: app\n  newTag: v1\n  tagSuffix: -x\n",
	"patches behind":     "images:\n- name: app\n  newTag: v1\npatches:\n- patch: |-\n    # keep\n    kind: Pod\n\n    metadata: {name: x}\n",
	"a host with a port": "images:\n- name: localhost:5001/app\n  newTag: v1\n- name: app\n  newTag: v0\n",
}

var conformanceArgs = [][]string{
	{"app:v2"},
	{"app@" + digest},
	{"app:v2@" + digest},
	{"app=other"},
	{"app=other:v2"},
	{"app=reg.example:5000/team/other:v2@" + digest},
	{"app=*:v2"},
	{"app=*:v2@*"},
	{"app=*:*@" + digest},
	{"app=other:*@*"},
	{"app:1.10"},
	{"app:on"},
	{"app:0123"},
	{"app:1234e56"},
	{"app:2024-01-02"},
	{"app:null"},
	{"localhost:5001/app:v3", "app:v4"},
	{"redis:7.4", "new=*:v1", "app=app:v2"},
	{"app:v2", "app:v3"},
}

// commandResult is what kustomize's own command makes of a file, as any reader of YAML
// sees it. It is set up here once more, so that no fault of the oracle is shared.
func commandResult(t *testing.T, file string, args []string) map[string]any {
	t.Helper()
	fsys := filesys.MakeFsInMemory()
	if err := fsys.WriteFile(konfig.DefaultKustomizationFileName(), []byte(file)); err != nil {
		t.Fatal(err)
	}
	deps := provider.NewDefaultDepProvider()
	v := deps.GetFieldValidator()
	cmd := set.NewCmdSet(fsys, kv.NewLoader(loader.NewFileLoaderAtCwd(fsys), v), v, deps.GetResourceFactory())
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	cmd.SilenceUsage = true
	cmd.SetArgs(append([]string{"image"}, args...))
	if err := cmd.Execute(); err != nil {
		t.Fatalf("kustomize edit set image %q: %v", args, err)
	}
	text, err := fsys.ReadFile(konfig.DefaultKustomizationFileName())
	if err != nil {
		t.Fatal(err)
	}
	return normal(t, text)
}

// normal reads a file and takes out what is no difference: the order of images, which
// the command sorts, the fields it adds to say what kustomize takes for granted,
// and the case of field names.
func normal(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := sigsyaml.Unmarshal(text, &m); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	m = lowerKeys(m).(map[string]any)
	if m["kind"] == nil {
		m["kind"] = "Kustomization"
	}
	if m["apiversion"] == nil {
		m["apiversion"] = "kustomize.config.k8s.io/v1beta1"
	}
	images, _ := m["images"].([]any)
	slices.SortFunc(images, func(a, b any) int {
		return strings.Compare(a.(map[string]any)["name"].(string), b.(map[string]any)["name"].(string))
	})
	return m
}

func lowerKeys(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, child := range v {
			out[strings.ToLower(k)] = lowerKeys(child)
		}
		return out
	case []any:
		for i := range v {
			v[i] = lowerKeys(v[i])
		}
	}
	return v
}

// Every layout with every argument: what kustomize's command means, with each comment and
// every line that holds nothing of the images left as it was.
func TestEdit_MeansWhatKustomizeMeans(t *testing.T) {
	cases := 0
	for name, file := range conformanceFiles {
		for _, args := range conformanceArgs {
			cases++
			t.Run(name+"/"+strings.Join(args, " "), func(t *testing.T) {
				got, err := Edit([]byte(file), mustParse(t, args...)...)
				if err != nil {
					// One layout has a blank line where a field would move up.
					if !strings.Contains(err.Error(), "put name first") {
						t.Fatal(err)
					}
					if got, err = rewrite([]byte(file), mustParse(t, args...)); err != nil {
						t.Fatal(err)
					}
				} else if was, is := comments(file), comments(string(got)); !slices.Equal(was, is) && !strings.Contains(file, "# four") {
					t.Errorf("comments %q became %q", was, is)
				}
				if want := commandResult(t, file, args); !reflect.DeepEqual(normal(t, got), want) {
					t.Errorf("got\n%s\nkustomize means\n%v", got, want)
				}
			})
		}
	}
	if cases < 150 {
		t.Errorf("%d cases", cases)
	}
	t.Logf("%d cases", cases)
}

// comments are the parts of lines from "#" on, in their order.
func comments(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if i := strings.Index(line, "#"); i >= 0 {
			found = append(found, strings.TrimSpace(line[i:]))
		}
	}
	return found
}
