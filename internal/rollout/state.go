// Package rollout reads Argo Rollouts and decides what they say about a release.
//
// Half of it is pure. [Decode] makes a [State] of a Rollout as the API server
// sends it, [Decide] makes a [Decision] of a State and an expectation. That half
// knows neither Kubernetes' libraries nor Argo's: the few fields it needs are
// read leniently, because real clusters hold Rollouts that Argo's own types
// cannot decode. The other half, [Cluster], lists and watches.
//
// The phases follow Argo Rollouts v1.10 (utils/rollout/rolloututil.go). On top of
// them lies one rule that Argo's own `status` command lacks: a Rollout counts
// only once it runs the expected image, so that the health of the revision
// before it never passes for the health of this one.
package rollout

import "time"

// State is what a decision needs of a Rollout. Fields that were absent or of a
// wrong type have their zero value, unless it says otherwise.
type State struct {
	Namespace, Name, UID string

	Generation int64     // metadata.generation
	Revision   string    // Argo's number of the revision, counting up: "12"
	Deleting   bool      // it has a deletion timestamp
	Ref        *Ref      // spec.workloadRef; nil when the Rollout has a template of its own
	Workload   *Workload // what Ref names, read separately; nil when it was not found

	Containers    []Container // of the Rollout's own template
	Replicas      int64       // wanted; 1 when the spec says nothing, as Argo has it
	Paused        bool        // spec.paused: paused by hand
	RestartAt     string
	Canary        bool
	BlueGreen     bool // wins where both strategies are given
	TrafficRouted bool // canary with a traffic router
	Steps         []Step
	AutoPromote   bool // blue-green: spec allows promotion without a human

	PostPromotionAnalysis bool // blue-green: analysis comes after the switch

	Status Status

	object map[string]any // all of it, for [State.Field]
}

// Status is the status of a Rollout as its controller wrote it.
type Status struct {
	Phase, Message     string // empty before Argo Rollouts v1.0
	ObservedGeneration string
	ObservedWorkload   string // generation of the workload the status speaks of
	WorkloadGeneration string // generation the controller last saw (an annotation)
	PodHash            string // of the wanted revision
	StableHash         string // of the revision that is fully promoted
	ActiveHash         string // blue-green: the one that gets the traffic
	Replicas           int64  // of all revisions
	Updated            int64  // of the wanted revision
	Available          int64  // of all revisions for a canary, of the wanted one for blue-green
	Abort              bool
	PromoteFull        bool // somebody asked to skip all steps and analysis
	ControllerPause    bool
	RestartedAt        string
	StepIndex          int64 // of the current step; -1 when there is none
	Weight             int64 // share of the canary in percent as the router has it; -1 when unknown
	PostPromotionPhase string
	Analyses           []Analysis // that are at work now, or were last
	Conditions         []Condition
	Pauses             []Pause
}

// Analysis is what a Rollout says of one of its AnalysisRuns.
type Analysis struct{ Name, Phase string }

// Condition is an entry of status.conditions.
type Condition struct{ Type, Status, Reason, Message string }

// Pause is an entry of status.pauseConditions.
type Pause struct {
	Reason string
	Start  time.Time // zero when unreadable
}

// Step is one step of a canary. Only what a report or a decision needs is read.
type Step struct {
	Kind     string        // the step's key: "setWeight", "pause", "analysis"
	Weight   int64         // of a setWeight
	Forever  bool          // a pause that only a human ends
	Duration time.Duration // of a pause; 0 when Forever or unreadable
}

// Container is a container of a pod template.
type Container struct{ Name, Image string }

// Ref names the workload whose template a Rollout uses.
type Ref struct{ APIVersion, Kind, Name string }

// Workload is the object a [Ref] names.
type Workload struct {
	Generation int64
	Containers []Container
}

// Template returns the containers of the wanted revision: the Rollout's own, or
// those of the workload it refers to.
func (s State) Template() []Container {
	if s.Ref == nil {
		return s.Containers
	}
	if s.Workload == nil {
		return nil
	}
	return s.Workload.Containers
}

// Promoted reports whether the wanted revision is the stable one.
func (s State) Promoted() bool {
	return s.Status.StableHash != "" && s.Status.StableHash == s.Status.PodHash
}

// Step returns the current step, counted from 1, and how many there are. Both
// are 0 when the Rollout has none.
func (s State) Step() (current, all int) {
	all = len(s.Steps)
	if all == 0 || s.Status.StepIndex < 0 {
		return 0, all
	}
	return min(int(s.Status.StepIndex)+1, all), all
}

// Weight returns the share of the wanted revision in percent: what the traffic
// router reports, else what the steps so far asked for; -1 when neither tells.
func (s State) Weight() int64 {
	if s.Promoted() {
		return 100
	}
	if s.Status.Weight >= 0 {
		return s.Status.Weight
	}
	if s.BlueGreen || s.Status.StepIndex < 0 {
		return -1
	}
	weight := int64(-1)
	for i, step := range s.Steps {
		if int64(i) > s.Status.StepIndex {
			break
		}
		if step.Kind == "setWeight" {
			weight = step.Weight
		}
	}
	return weight
}

// PauseEnd is when the pause that a canary is at ends by itself; zero when it is
// at none, or at one that somebody has to end.
func (s State) PauseEnd() time.Time {
	current, _ := s.Step()
	if current == 0 || len(s.Status.Pauses) == 0 || s.Paused {
		return time.Time{}
	}
	step, pause := s.Steps[current-1], s.Status.Pauses[0]
	if pause.Reason != pauseCanaryStep || pause.Start.IsZero() || step.Forever {
		return time.Time{}
	}
	return pause.Start.Add(step.Duration)
}

// First reports whether the wanted revision is the first one there is: there is
// no stable one beside it, and Argo skips all steps and analysis.
func (s State) First() bool {
	return s.Revision == "1" || (s.Status.StableHash == "" && s.Status.PodHash != "")
}
