package dns

import (
	"net"
	"testing"
)

// The texts are those of the Docker engine, of containerd and of Go's resolver.
func TestUnknown(t *testing.T) {
	for text, want := range map[string]string{
		`Get "https://ghcr.oi/v2/": dial tcp: lookup ghcr.oi on 127.0.0.53:53: no such host`:                                                                     "ghcr.oi",
		`failed to resolve reference "quay.oi/x/y:v1": failed to do request: Head "https://quay.oi/v2/x/y/manifests/v1": dial tcp: lookup quay.oi: no such host`: "quay.oi",
		`proxyconnect tcp: dial tcp: lookup proxy.acme on 10.0.0.2:53: no such host`:                                                                             "proxy.acme",
		(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "charts.acme", Server: "10.0.0.2:53", IsNotFound: true}}).Error():    "charts.acme",
		(&net.DNSError{Err: "server misbehaving", Name: "ghcr.io", Server: "127.0.0.53:53", IsTemporary: true}).Error():                                          "",
		(&net.DNSError{Err: "i/o timeout", Name: "ghcr.io", Server: "127.0.0.53:53", IsTimeout: true}).Error():                                                   "",
		`Get "https://quay.io/v2/": dial tcp: lookup quay.io: Temporary failure in name resolution`:                                                              "",
		`dial tcp: lookup ghcr.io on 127.0.0.53:53: read udp 127.0.0.1:46812->127.0.0.53:53: read: connection refused`:                                           "",
		`manifest for lookup:1 not found`: "",
	} {
		switch err := Unknown(text); {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || err.Error() != "DNS knows no host "+want+": is the name right?"):
			t.Errorf("%s: %v, want host %s", text, err, want)
		}
	}
}
