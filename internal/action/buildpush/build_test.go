package buildpush

import (
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/exit"
)

func TestRun_ContextThatTheBuilderFetches(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Context, o.Tags = "https://github.com/acme/shop.git#"+sha+":backend", nil
	res, err := Run(t.Context(), o)
	if err != nil || !slices.Equal(res.Tags, []string{sha}) || res.Source.URL != "https://github.com/acme/shop" || res.Source.Revision != sha {
		t.Errorf("%+v, %v", res, err)
	}
	args := w.builds()[0]
	if args[len(args)-1] != o.Context || args[len(args)-2] != "--" || !slices.Contains(args, "--label=org.opencontainers.image.revision="+sha) {
		t.Errorf("%q", args)
	}
	o.Context = "https://github.com/acme/shop.git#main"
	if res, err = Run(t.Context(), o); err != nil || res.Source.Revision != "" || !slices.Equal(res.Tags, []string{"latest"}) {
		t.Errorf("a branch is no commit: %+v, %v", res, err)
	}
}

func TestRun_RefusesWhatTheBuilderHasNotBeforeItBuilds(t *testing.T) {
	w := newWorld(t)
	o := options(t, w)
	o.Features = builder.Features{CacheTo: []string{"type=registry,ref=localhost:5001/shop/cache"}}
	_, err := Run(t.Context(), o)
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "input cache-to needs buildx") || len(w.builds()) != 0 {
		t.Errorf("%v", err)
	}
}

func TestResult_RefOfAPushByDigest(t *testing.T) {
	if got := (Result{Image: "r/i", Digest: digest}).Ref(); got != "r/i@"+digest {
		t.Errorf("%q", got)
	}
}
