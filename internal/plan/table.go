package plan

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// Table shows the plan for people: a line per component in the order of the
// work, each edge with its reason below, and the sum.
func (p Plan) Table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "COMPONENT\tTIER\tDRIVER\tCPU\tMEMORY\tDISK\tTIMEOUT\n")
	for _, c := range p.Components {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, c.Tier, c.Driver,
			c.Budget.CPU, c.Budget.Memory, c.Budget.Disk, time.Duration(c.Timeout))
	}
	fmt.Fprintf(w, "sum\t\t\t%s\t%s\t%s\t\n", p.Budget.CPU, p.Budget.Memory, p.Budget.Disk)
	_ = w.Flush() // a strings.Builder never fails
	b.WriteString(p.edges())
	return b.String()
}

func (p Plan) edges() string {
	var b strings.Builder
	for _, c := range p.Components {
		for _, n := range c.Needs {
			if b.Len() == 0 {
				b.WriteString("\nWhat waits for what, and why:\n")
			}
			fmt.Fprintf(&b, "  %s after %s: %s\n", c.Name, n.Name, n.Why)
		}
	}
	return b.String()
}

// JSON is the plan in the form that `hyaction platform plan --json` prints.
type JSON struct {
	Profile    string          `json:"profile"`
	CPU        string          `json:"cpu"`
	Memory     string          `json:"memory"`
	Disk       string          `json:"disk"`
	Components []JSONComponent `json:"components"`
}

// JSONComponent is one component of [JSON].
type JSONComponent struct {
	Name   string   `json:"name"`
	Tier   string   `json:"tier"`
	Driver string   `json:"driver"`
	Needs  []string `json:"needs"`
	Images []string `json:"images"`
}

// JSON gives the plan for machines.
func (p Plan) JSON() JSON {
	out := JSON{Profile: p.Profile, CPU: p.Budget.CPU.String(), Memory: p.Budget.Memory.String(), Disk: p.Budget.Disk.String()}
	for _, c := range p.Components {
		out.Components = append(out.Components, JSONComponent{
			Name: c.Name, Tier: c.Tier, Driver: c.Driver,
			Needs: needNames(c), Images: append([]string{}, c.Images...),
		})
	}
	return out
}

func needNames(c catalog.Component) []string {
	names := []string{}
	for _, n := range c.Needs {
		names = append(names, n.Name)
	}
	return names
}
