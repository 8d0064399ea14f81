package buildpush

import "testing"

func TestPublicURL(t *testing.T) {
	for remote, want := range map[string]string{
		"https://github.com/acme/shop.git":        "https://github.com/acme/shop",
		"https://user:token@github.com/acme/shop": "https://github.com/acme/shop",
		"git@github.com:acme/shop.git":            "https://github.com/acme/shop",
		"ssh://git@git.example.com:2222/a/b.git":  "https://git.example.com/a/b",
		"/srv/git/shop.git":                       "",
		"file:///srv/git/shop.git":                "",
		"../shop":                                 "",
		"":                                        "",
	} {
		if got := publicURL(remote); got != want {
			t.Errorf("%q: %q, want %q", remote, got, want)
		}
	}
}
