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

// overhead is what is beside the pods and containers that budgets speak of: a
// budget's memory is what is asked for, and what is used at the worst moment is more.
const overhead = 1.25

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
	check("memory", int64(overhead*float64(p.Budget.Memory)), int64(ownUse.Memory), int64(machine.Memory), bytes)
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
			t.Logf("%d components ask for %s processors, %s of memory, %s of disk", len(p.Components), p.Budget.CPU, p.Budget.Memory, p.Budget.Disk)
			if err := fits(p, profile.Machine); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFits_CountsTheRunnersOwnUse(t *testing.T) {
	p := Plan{Budget: catalog.Budget{CPU: 1000, Memory: 2 * gib, Disk: 5 * gib}}
	if err := fits(p, catalog.Budget{CPU: 2000, Memory: 4 * gib, Disk: 5 * gib}); err != nil {
		t.Error(err)
	}
	err := fits(p, catalog.Budget{CPU: 1000, Memory: 3 * gib, Disk: 4 * gib})
	want := `it takes 1 of processors and the runner 250m, the machine has 1
it takes 2.5Gi of memory and the runner 1.2Gi, the machine has 3Gi
it takes 5Gi of disk and the runner 0, the machine has 4Gi`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
