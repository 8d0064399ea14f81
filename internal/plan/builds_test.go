package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
)

func TestPlan_TellsWhatIsBuilt(t *testing.T) {
	c := catalog.Component{Name: "user-compose", Builds: []catalog.Build{{Name: "base"}, {Name: "web", Needs: []string{"base"}}}}
	p := Plan{Components: []catalog.Component{c}, Slots: make([]Slot, 1)}
	if text := p.Table(); !strings.Contains(text, "\nImages that are built here, for user-compose:\n  base\n  web after base\n") {
		t.Errorf("got\n%s", text)
	}
	if got := p.JSON().Components[0].Builds; !slices.Equal(got, []string{"base", "web"}) {
		t.Errorf("got %q", got)
	}
}
