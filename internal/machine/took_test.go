package machine

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTook_IsWhatWasRemembered(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "took.json")
	if got := Took(file); got == nil || len(got) != 0 {
		t.Errorf("a new machine: %v", got)
	}
	for _, made := range []map[string]time.Duration{
		{"kind": 56440 * time.Millisecond, "redis-cluster/ha": 26 * time.Second},
		nil,
		{"kind": 40 * time.Second},
	} {
		if err := Remember(file, made); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]time.Duration{"kind": 40 * time.Second, "redis-cluster/ha": 26 * time.Second}
	if got := Took(file); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for text, want := range map[string]int{`{"kind": -1, "loki": 1e300, "alloy": 90000, "tempo": 0, "n8n": 3}`: 1, `[`: 0, `{"kind": "long"}`: 0} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Took(file); len(got) != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	if err := Remember(filepath.Join(file, "below"), want); err == nil {
		t.Error("what is below a file was written")
	}
}
