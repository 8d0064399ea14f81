package rollout

import "testing"

func TestField(t *testing.T) {
	s := Decode(map[string]any{
		"metadata": map[string]any{"name": "shop", "labels": map[string]any{"app.example/team": "blue", "a": "b"}},
		"spec":     map[string]any{"replicas": int64(4), "steps": []any{map[string]any{"setWeight": 25.0}}},
	})
	for path, want := range map[string]string{
		"metadata.name":                       "shop",
		"metadata.labels['app.example/team']": "blue",
		"metadata.labels['none']":             "", // as Argo has it
		"metadata.labels.a":                   "b",
		"spec.replicas":                       "4",
		"spec.steps[0].setWeight":             "25",
		"spec.steps[1].setWeight":             "error",
		"spec.steps[x]":                       "error",
		"spec.steps":                          "error",
		"spec":                                "error",
		"status.phase":                        "error",
		"metadata.name.first":                 "error",
	} {
		got, err := s.Field(path)
		if (err != nil) != (want == "error") || (err == nil && got != want) {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}
