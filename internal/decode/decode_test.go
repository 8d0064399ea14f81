package decode

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"k8s.io/client-go/tools/clientcmd"
	sigs "sigs.k8s.io/yaml"
)

type shop struct {
	Name  string            `yaml:"name" json:"name"`
	Count int               `yaml:"count" json:"count"`
	Open  bool              `yaml:"open" json:"open"`
	Share float64           `yaml:"share" json:"share"`
	Tags  []string          `yaml:"tags" json:"tags"`
	Notes map[string]string `yaml:"notes" json:"notes"`
	Owner struct {
		Age uint8 `yaml:"age" json:"age"`
	} `yaml:"owner" json:"owner"`
	Next *shop `yaml:"next" json:"next"`
}

func TestYAML_SaysWhatIsWrongInWordsOfTheFile(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "it is empty",
		"# nothing\n":                "it is empty",
		"name: a\n---\nname: b\n":    "it holds more than one document",
		"name: a\nnmae: b\n":         `line 2: unknown field "nmae"`,
		"- a\n":                      "line 1: a list does not belong here",
		"a\n":                        "line 1: `a` does not belong here",
		"count: many\n":              "line 1: `many` must be a whole number",
		"share: half\n":              "line 1: `half` must be a number",
		"open: perhaps\n":            "line 1: `perhaps` must be true or false",
		"name: [a]\n":                "line 1: a list must be text",
		"tags: a\n":                  "line 1: `a` must be a list",
		"notes: [a]\n":               "line 1: a list must be a mapping",
		"owner: [a]\n":               "line 1: a list must be a mapping",
		"next: {name: {a: b}}\n":     "line 1: a mapping must be text",
		"count: a\nowner: {agee: 1}": "line 1: `a` must be a whole number; line 2: unknown field \"agee\"",
		"name: a\nname: b\n":         `line 2: mapping key "name" already defined at line 1`,
		"a: [\n":                     "line 1: did not find expected node content",
		"\x00":                       "control characters are not allowed",
	} {
		err := YAML([]byte(text), &shop{})
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	var s shop
	if err := YAML([]byte("name: a\ncount: 3\n"), &s); err != nil || s.Name != "a" || s.Count != 3 {
		t.Errorf("got %+v, %v", s, err)
	}
	if err := YAML(nil, &s); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty text: %v", err)
	}
}

// The messages of all decoders in use: they are strings, and change with a version.
func TestPlain_OfEachLibrary(t *testing.T) {
	_, kubeconfig := clientcmd.Load([]byte("- a\n"))
	strict := json.NewDecoder(strings.NewReader(`{"nmae": 1}`))
	strict.DisallowUnknownFields()
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"json field":   {json.Unmarshal([]byte(`{"count": "a"}`), &shop{}), "count must not be text"},
		"json nested":  {json.Unmarshal([]byte(`{"owner": {"age": []}}`), &shop{}), "owner.age must not be a list"},
		"json number":  {json.Unmarshal([]byte(`1e999`), new(float64)), "a number does not belong here"},
		"json value":   {json.Unmarshal([]byte(`[]`), &shop{}), "a list does not belong here"},
		"json unknown": {strict.Decode(&shop{}), `unknown field "nmae"`},
		"json by yaml": {sigs.UnmarshalStrict([]byte("nmae: a\n"), &shop{}), `unknown field "nmae"`},
		"a list":       {sigs.UnmarshalStrict([]byte("- a\n"), &shop{}), "a list does not belong here"},
		"wrong field":  {sigs.UnmarshalStrict([]byte("tags: a\n"), &shop{}), "tags must not be text"},
		"no yaml":      {sigs.UnmarshalStrict([]byte("a: [\n"), &shop{}), "line 1: did not find expected node content"},
		"yaml.v3":      {yaml.Unmarshal([]byte("count: a\nopen: b\n"), &shop{}), "line 1: `a` must be a whole number; line 2: `b` must be true or false"},
		"kubeconfig":   {kubeconfig, "a list does not belong here"},
	} {
		if got := Plain(c.err).Error(); got != c.want {
			t.Errorf("%s: %s\nwant %s\nof   %v", name, got, c.want, c.err)
		}
	}
	missing := &fs.PathError{Op: "open", Path: "json: x", Err: fs.ErrNotExist}
	if err := Plain(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cause is lost: %v", err)
	}
}
