package compose

import (
	"errors"
	"testing"
)

// The texts are the engine's and the registries' own.
func TestPassing(t *testing.T) {
	for text, want := range map[string]bool{
		`Get "https://registry-1.docker.io/v2/": net/http: TLS handshake timeout`:                                                               true,
		`Head "https://registry-1.docker.io/v2/library/redis/manifests/7": Get "https://auth.docker.io/token": net/http: TLS handshake timeout`: true,
		`Get "https://registry-1.docker.io/v2/": dial tcp 3.216.34.172:443: i/o timeout`:                                                        true,
		`Get "https://quay.io/v2/": dial tcp: lookup quay.io: Temporary failure in name resolution`:                                             true,
		`Get "https://quay.io/v2/": dial tcp: lookup quay.io on 127.0.0.53:53: server misbehaving`:                                              true,
		`toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit`:                    true,
		`received unexpected HTTP status: 503 Service Unavailable`:                                                                              true,
		`unexpected status from HEAD request to https://quay.io/v2/a/b/manifests/v1: 502 Bad Gateway`:                                           true,
		`read tcp 10.1.0.4:41228->104.18.125.25:443: read: connection reset by peer`:                                                            true,
		`failed to copy: httpReadSeeker: failed open: unexpected EOF`:                                                                           true,
		`Get "https://quay.oi/v2/": dial tcp: lookup quay.oi on 127.0.0.53:53: no such host`:                                                    false,
		`manifest for redis:nope not found: manifest unknown: manifest unknown`:                                                                 false,
		`failed to resolve reference "docker.io/library/redis:nope": docker.io/library/redis:nope: not found`:                                   false,
		`pull access denied for acme/secret, repository does not exist or may require 'docker login'`:                                           false,
		`failed to register layer: write /usr/lib/x: no space left on device`:                                                                   false,
		`driver failed programming external connectivity on endpoint a: Bind for 0.0.0.0:6379 failed: port is already allocated`:                false,
		`dependency failed to start: container db is unhealthy`:                                                                                 false,
	} {
		if got := passing(errors.New(text)); got != want {
			t.Errorf("passing is %v, want %v: %s", got, want, text)
		}
	}
	if passing(nil) {
		t.Error("no error passes")
	}
}
