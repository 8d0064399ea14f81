package rollout

import "testing"

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func TestImage_Matches(t *testing.T) {
	for _, c := range []struct {
		want, manifest string
		ok             bool
	}{
		{"reg:5001/shop/backend:v2", "reg:5001/shop/backend:v2", true},
		{"reg:5001/shop/backend:v2", "reg:5001/shop/backend:v20", false},
		{"reg:5001/shop/backend:v2", "reg:5001/shop/backend", false},
		{"reg:5001/shop/backend:v2", "reg:5002/shop/backend:v2", false},
		{"reg:5001/shop/backend:v2", "reg:5001/shop/backend-x:v2", false},
		{"redis:7", "docker.io/library/redis:7", true},
		{"a/b:v2@" + digestA, "a/b:v2@" + digestA, true},
		{"a/b:v2@" + digestA, "a/b@" + digestA, true},
		{"a/b:v2@" + digestA, "a/b:other@" + digestA, true}, // the digest decides
		{"a/b:v2@" + digestA, "a/b:v2@" + digestB, false},   // also against an equal tag
		{"a/b:v2@" + digestA, "a/b:v2", true},
		{"a/b:v2", "a/b:v2@" + digestA, true},
		{"a/b@" + digestA, "a/b:v2", false}, // nothing to compare
		{"a/b@" + digestA, "a/b", false},
		{"a/b:v2", "", false},
		{"a/b:v2", "UPPER/b:v2", false},
	} {
		want, err := ParseImage(c.want)
		if err != nil {
			t.Fatalf("%s: %v", c.want, err)
		}
		if got := want.Matches(c.manifest); got != c.ok {
			t.Errorf("%s matches %q: %v, want %v", c.want, c.manifest, got, c.ok)
		}
	}
}

func TestParseImage_Refuses(t *testing.T) {
	for _, s := range []string{"", "a/b", "UPPER:1", "a/b:", "a/b@sha256:123", "a b:1", "a/b:v2 "} {
		if i, err := ParseImage(s); err == nil {
			t.Errorf("%q: %v, want an error", s, i)
		}
	}
}
