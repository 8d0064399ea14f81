package plan

import (
	"errors"
	"fmt"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// ownUse is what a runner takes for itself: system, Docker's daemon, the runner's
// agent and the job's own steps. Estimated; GitHub's disk is what is free of it.
var ownUse = catalog.Budget{CPU: 250, Memory: 1228 << 20}

// A budget's memory is what a component takes when it is idle. At the worst moment it
// is more; and where it has not been measured here, it may be more than that.
const (
	atWork    = 1.25
	estimated = 1.5
)

// overcommit is how far the limits together may go beyond the machine: not all reach
// theirs at once. Beyond half as much again, one that leaks is the machine's affair
// and no longer its own limit's.
const overcommit = 1.5

// memory is what a plan takes at the worst moment, and what it is given at most.
func memory(p Plan) (use, limits int64) {
	for _, c := range p.Components {
		factor := atWork
		if !c.Budget.Measured() {
			factor = estimated
		}
		use += int64(factor * float64(c.Budget.Memory))
		limits += max(int64(c.Budget.Limit), int64(factor*float64(c.Budget.Memory)))
	}
	return use, limits
}

// fits adds the budgets up and tells what a machine has too little of.
func fits(p Plan, machine catalog.Budget) error {
	var short []error
	check := func(what string, need, own, have int64, say func(int64) string) {
		if need+own > have {
			short = append(short, fmt.Errorf("it takes %s of %s and the runner %s, the machine has %s", say(need), what, say(own), say(have)))
		}
	}
	bytes := func(n int64) string { return catalog.Bytes(n).String() }
	check("processors", int64(p.Budget.CPU), int64(ownUse.CPU), int64(machine.CPU), func(n int64) string { return catalog.MilliCPU(n).String() })
	use, limits := memory(p)
	check("memory", use, int64(ownUse.Memory), int64(machine.Memory), bytes)
	if most := int64(overcommit * float64(machine.Memory)); limits+int64(ownUse.Memory) > most {
		short = append(short, fmt.Errorf("its limits of memory are %s together and the runner takes %s, the machine bears %s", bytes(limits), bytes(int64(ownUse.Memory)), bytes(most)))
	}
	check("disk", int64(p.Budget.Disk), int64(ownUse.Disk), int64(machine.Disk), bytes)
	return errors.Join(short...)
}

// Every profile fits the machine that it is meant for.
func TestProfiles_FitTheirMachine(t *testing.T) {
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, profile := range cat.Profiles {
		t.Run(profile.Name, func(t *testing.T) {
			if profile.Machine == (catalog.Budget{}) {
				t.Fatal("it does not say which machine it is for: machine: {cpu: 4, memory: 16Gi, disk: 14Gi}")
			}
			sized, err := cat.Choose(profile.Name, catalog.Choice{})
			if err != nil {
				t.Fatal(err)
			}
			p, err := New(sized, Target{Profile: profile.Name}, Machine{})
			if err != nil {
				t.Fatal(err)
			}
			use, limits := memory(p)
			t.Logf("%d components ask for %s processors, %s of memory (%s at work, %s at most), %s of disk",
				len(p.Components), p.Budget.CPU, p.Budget.Memory, catalog.Bytes(use), catalog.Bytes(limits), p.Budget.Disk)
			if err := fits(p, profile.Machine); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFits_CountsTheRunnersOwnUse(t *testing.T) {
	p := Plan{Budget: catalog.Budget{CPU: 1000, Disk: 5 * gib}, Components: []catalog.Component{
		{Budget: catalog.Budget{Memory: gib, Basis: "measured"}}, {Budget: catalog.Budget{Memory: gib, Limit: 2 * gib, Basis: "estimated"}},
	}}
	if err := fits(p, catalog.Budget{CPU: 2000, Memory: 4 * gib, Disk: 5 * gib}); err != nil {
		t.Error(err)
	}
	err := fits(p, catalog.Budget{CPU: 1000, Memory: 2 * gib, Disk: 4 * gib})
	want := `it takes 1 of processors and the runner 250m, the machine has 1
it takes 2.8Gi of memory and the runner 1.2Gi, the machine has 2Gi
its limits of memory are 3.2Gi together and the runner takes 1.2Gi, the machine bears 3Gi
it takes 5Gi of disk and the runner 0, the machine has 4Gi`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// Kyverno's policies come after everything whose pods they could refuse: should their
// exemption of the platform's namespaces ever be got wrong, the platform is up.
func TestProfiles_PoliciesComeLast(t *testing.T) {
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	const last = "kyverno-policies"
	seen := false
	for _, profile := range cat.Profiles {
		p, err := New(cat, Target{Profile: profile.Name}, Machine{})
		if err != nil {
			t.Fatal(err)
		}
		policies, ok := p.Find(last)
		if !ok {
			continue
		}
		seen = true
		before := map[string]bool{}
		var need func(c catalog.Component)
		need = func(c catalog.Component) {
			for _, n := range c.Needs {
				if next, ok := p.Find(n.Name); ok && !before[n.Name] {
					before[n.Name] = true
					need(next)
				}
			}
		}
		need(policies)
		for _, c := range p.Components {
			if runsPods := len(c.Images) > 0 && c.Tier == "cluster"; runsPods && !before[c.Name] {
				t.Errorf("profile %s: %s may come before the pods of %s", profile.Name, last, c.Name)
			}
		}
	}
	if !seen {
		t.Errorf("no profile has %s", last)
	}
}
