package plan

import (
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// JSON is the plan in the form that `hyaction platform plan --format json`
// prints. Times are seconds, sizes are bytes, processors are thousandths.
type JSON struct {
	Profile    string          `json:"profile"`
	Seconds    float64         `json:"seconds"` // of the critical path, images being there
	Critical   []string        `json:"critical-path"`
	Asks       JSONBudget      `json:"asks"`
	Machine    JSONBudget      `json:"machine"` // 0: unknown
	Components []JSONComponent `json:"components"`
	Images     []string        `json:"images"` // the most urgent first
	Warnings   []string        `json:"warnings"`
}

// JSONBudget is what is asked of a machine, or what it has.
type JSONBudget struct {
	MilliCPU int64 `json:"milli-cpu"`
	Memory   int64 `json:"memory"`
	Disk     int64 `json:"disk"`
}

// JSONComponent is one component of [JSON].
type JSONComponent struct {
	Name     string     `json:"name"`
	Tier     string     `json:"tier"`
	Driver   string     `json:"driver"`
	Start    float64    `json:"start"`
	Seconds  float64    `json:"seconds"`
	Critical bool       `json:"critical"`
	Asks     JSONBudget `json:"asks"`
	Needs    []JSONNeed `json:"needs"`
	Images   []string   `json:"images"`
	Builds   []string   `json:"builds,omitempty"` // images that are built on this machine
}

// JSONNeed is one edge of the graph.
type JSONNeed struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// JSON gives the plan for machines.
func (p Plan) JSON() JSON {
	out := JSON{
		Profile: p.Profile, Seconds: p.Takes().Seconds(), Critical: append([]string{}, p.Critical()...),
		Asks:     jsonBudget(p.Budget),
		Machine:  JSONBudget{MilliCPU: int64(p.Machine.CPUs) * 1000, Memory: int64(p.Machine.Memory), Disk: int64(p.Machine.Disk)},
		Images:   []string{},
		Warnings: append([]string{}, p.Warnings...),
	}
	for i, c := range p.Components {
		jc := JSONComponent{
			Name: c.Name, Tier: c.Tier, Driver: c.Driver,
			Start: p.Slots[i].Start.Seconds(), Seconds: time.Duration(c.Takes).Seconds(), Critical: p.Slots[i].Critical,
			Asks: jsonBudget(c.Budget), Needs: []JSONNeed{}, Images: append([]string{}, c.Images...),
		}
		for _, n := range c.Needs {
			jc.Needs = append(jc.Needs, JSONNeed{n.Name, n.Why})
		}
		for _, b := range c.Builds {
			jc.Builds = append(jc.Builds, b.Name)
		}
		out.Components = append(out.Components, jc)
	}
	for _, i := range p.Images() {
		out.Images = append(out.Images, i.Ref)
	}
	return out
}

func jsonBudget(b catalog.Budget) JSONBudget {
	return JSONBudget{int64(b.CPU), int64(b.Memory), int64(b.Disk)}
}
