package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/testbed/servers"
)

func TestAuthorities_AreReadBesideDataEndpoints(t *testing.T) {
	dir := t.TempDir()
	ca := servers.NewAuthority(t, "Acme root").PEM
	for name, text := range map[string]string{"ca.pem": ca, "key.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "all.pem": strings.Repeat(ca, 1000)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{
		"ca.pem":                     "",
		filepath.Join(dir, "ca.pem"): "",
		"":                           "",
		"lost.pem":                   "endpoint pg: ca-file: open " + filepath.Join(dir, "lost.pem"),
		"key.pem":                    "holds no certificate in PEM",
		"all.pem":                    "take the authorities of one region",
	} {
		managed := []plan.Managed{{Name: "redis"}, {Name: "pg", CAFile: file}}
		err := authorities(managed, dir)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", file, err, want)
		}
		if wantCA := map[bool]string{true: ca}[want == "" && file != ""]; managed[1].CA != wantCA {
			t.Errorf("%q: took %q", file, managed[1].CA)
		}
	}
}
