package builder

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/buildkit"
)

// A Dockerfile is asked about, and nothing is built: its only RUN would fail.
func TestBed_Call(t *testing.T) {
	bed := buildkit.New(t)
	bed.Start(t)
	const sound = "FROM scratch AS tools\n# VERSION is what to show\nARG VERSION=1\nFROM " + shell + " AS final\nRUN false\n"
	for call, want := range map[string]string{"check": "Check complete, no warnings found", "outline": "RUN", "targets": "tools"} {
		b := newBedBuild(t, bed, map[string]string{"Dockerfile": sound})
		b.o.Push, b.o.Refs, b.o.Call = false, nil, call
		if call == "outline" {
			b.o.Target, want = "tools", "VERSION"
		}
		if img := b.build(t); img.ID != "" || img.Digest != "" || !strings.Contains(b.log.String(), want) {
			t.Errorf("%s: %+v\n%s", call, img, b.log.String())
		}
	}
	b := newBedBuild(t, bed, map[string]string{"Dockerfile": "FROM scratch\nMAINTAINER me\nCOPY Dockerfile /\n"})
	b.o.Push, b.o.Refs, b.o.Call = false, nil, "check"
	if _, err := Build(t.Context(), run.Exec{}, b.tool, b.o); err == nil || !strings.Contains(err.Error(), "1 warning has been found") || !strings.Contains(b.log.String(), "MaintainerDeprecated") {
		t.Errorf("%v\n%s", err, b.log.String())
	}
}
