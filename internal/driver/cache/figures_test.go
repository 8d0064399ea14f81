package cache

import "testing"

func TestParse(t *testing.T) {
	// As registry 3.0.0 tells it under /debug/vars, with most of the rest left out.
	const text = `{"cmdline": ["registry","serve"], "registry": {"cache": {"storagecache": {}}, "proxy": {
		"blobs": {"Requests":8,"Hits":5,"Misses":3,"BytesPulled":300,"BytesPushed":800},
		"manifests": {"Requests":2,"Hits":1,"Misses":1,"BytesPulled":10,"BytesPushed":20}}}}`
	got, err := parse([]byte(text))
	if err != nil || got != (Figures{10, 6, 4, 310, 820}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{"", "{}", `{"registry": {}}`, `{"registry": {"proxy": {"blobs": 1}}}`, "<html>"} {
		if _, err := parse([]byte(text)); err == nil {
			t.Errorf("%q is no fault", text)
		}
	}
}

func TestMinus(t *testing.T) {
	before, now := Figures{10, 6, 4, 310, 820}, Figures{12, 7, 5, 400, 900}
	if got := now.minus(before); got != (Figures{2, 1, 1, 90, 80}) {
		t.Errorf("got %+v", got)
	}
	if got := before.minus(now); got != before {
		t.Errorf("a cache that was started again counts from zero: got %+v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"registry": {"proxy": {"blobs": {"Requests":8}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) { _, _ = parse(text) })
}

func TestConfig_HoldsThePasswordOnlyWithAUser(t *testing.T) {
	for _, tt := range []struct {
		user string
		want string
	}{
		{"", "http:\n    addr: :5000\n    debug:\n        addr: :5001\nlog:\n    level: warn\nproxy:\n    remoteurl: https://quay.io\nstorage:\n    delete:\n        enabled: true\n    filesystem:\n        rootdirectory: /var/lib/registry\nversion: 0.1\n"},
		{"me", "http:\n    addr: :5000\n    debug:\n        addr: :5001\nlog:\n    level: warn\nproxy:\n    password: p\n    remoteurl: https://quay.io\n    username: me\nstorage:\n    delete:\n        enabled: true\n    filesystem:\n        rootdirectory: /var/lib/registry\nversion: 0.1\n"},
	} {
		if got := string(config("https://quay.io", tt.user, "p")); got != tt.want {
			t.Errorf("user %q: got\n%s", tt.user, got)
		}
	}
}
