package canarygate

import (
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/rollout"
)

func TestPatient_WaitsForWhatIsAppliedAMomentLater(t *testing.T) {
	missing := rollout.Decision{Answer: rollout.Fail, Reason: rollout.ReasonInvalidSpec, Message: "Rollout a/b has an invalid spec: AnalysisTemplate 'x' not found"}
	wrong := rollout.Decision{Answer: rollout.Fail, Reason: rollout.ReasonInvalidSpec, Message: "Rollout a/b has an invalid spec: no selector"}
	fine := rollout.Decision{Answer: rollout.Wait, Reason: rollout.ReasonProgressing}
	var g gate
	t0 := time.Unix(1000, 0)
	for _, step := range []struct {
		after time.Duration
		d     rollout.Decision
		want  rollout.Answer
	}{
		{0, missing, rollout.Wait},
		{44 * time.Second, missing, rollout.Wait},
		{45 * time.Second, missing, rollout.Fail},
		{46 * time.Second, fine, rollout.Wait},
		{47 * time.Second, missing, rollout.Wait}, // a new one: the patience begins anew
		{48 * time.Second, wrong, rollout.Fail},
	} {
		if got := g.patient(step.d, t0.Add(step.after)); got.Answer != step.want {
			t.Errorf("after %s: %s, want %s", step.after, got.Answer, step.want)
		}
	}
}
