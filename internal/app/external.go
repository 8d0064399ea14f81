package app

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"github.com/buenhyden/hy-home/internal/action/setupplatform"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/internal/spec"
)

// externalData reads the files that say where the data tier is when others run it.
func externalData(o *setupplatform.Options, in spec.Values) error {
	o.Data = in.String("data")
	endpoints, credentials := in.String("data-endpoints"), in.String("data-secrets")
	if o.Data != plan.External {
		if endpoints != "" || credentials != "" {
			return exit.BadInputf("data-endpoints and data-secrets are for data: external, but data is %q", o.Data)
		}
		return nil
	}
	if endpoints == "" {
		return exit.BadInputf("data: external needs data-endpoints: the path of a file that says where the services are")
	}
	text, err := os.ReadFile(endpoints)
	if err != nil {
		return exit.BadInputf("data-endpoints: %w", err)
	}
	if o.Managed, err = plan.ParseManaged(text); err != nil {
		return exit.BadInputf("data-endpoints %s: %w", endpoints, err)
	}
	if err := authorities(o.Managed, filepath.Dir(endpoints)); err != nil {
		return exit.BadInputf("data-endpoints %s: %w", endpoints, err)
	}
	if credentials == "" {
		return nil
	}
	if text, err = os.ReadFile(credentials); err != nil {
		return exit.BadInputf("data-secrets: %w", err)
	}
	// The decoder's own error would quote the file.
	if yaml.Unmarshal(text, &o.Given) != nil {
		return exit.BadInputf("data-secrets %s is no list of names with a value each", credentials)
	}
	return nil
}

// maxAuthorities bounds a ca-file: it travels to a pod in a Secret, which may hold
// 1 MiB in all. The largest that is in use, RDS's for all regions, has 160 KiB.
const maxAuthorities = 256 << 10

// authorities reads the files that say whose certificates are trusted; their paths
// start at the directory of data-endpoints.
func authorities(managed []plan.Managed, dir string) error {
	for i, m := range managed {
		if m.CAFile == "" {
			continue
		}
		path := m.CAFile
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		text, err := os.ReadFile(path)
		switch {
		case err != nil:
			return fmt.Errorf("endpoint %s: ca-file: %w", m.Name, err)
		case len(text) > maxAuthorities:
			return fmt.Errorf("endpoint %s: ca-file %s has %d bytes, and may have %d: take the authorities of one region", m.Name, path, len(text), maxAuthorities)
		case !x509.NewCertPool().AppendCertsFromPEM(text):
			return fmt.Errorf("endpoint %s: ca-file %s holds no certificate in PEM", m.Name, path)
		}
		managed[i].CA = string(text)
	}
	return nil
}
