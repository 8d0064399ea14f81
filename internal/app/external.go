package app

import (
	"os"

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
