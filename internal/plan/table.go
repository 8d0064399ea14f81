package plan

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// Table shows the plan for people: a line per component in the order of the
// work, what is asked of the machine, the path that decides how long the run
// takes, and each edge with its reason.
func (p Plan) Table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "COMPONENT\tTIER\tDRIVER\tSTART\tTAKES\tCPU\tMEMORY\tDISK\n")
	for i, c := range p.Components {
		mark := ""
		if p.Slots[i].Critical {
			mark = " *"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s%s\t%s\t%s\t%s\n", c.Name, c.Tier, c.Driver,
			p.Slots[i].Start, time.Duration(c.Takes), mark, c.Budget.CPU, c.Budget.Memory, c.Budget.Disk)
	}
	fmt.Fprintf(w, "sum\t\t\t\t\t%s\t%s\t%s\n", p.Budget.CPU, p.Budget.Memory, p.Budget.Disk)
	fmt.Fprintf(w, "machine\t\t\t\t\t%s\t%s\t%s\n", known(p.Machine.CPUs), known(p.Machine.Memory), known(p.Machine.Disk))
	_ = w.Flush() // a strings.Builder never fails
	if path := p.Critical(); len(path) > 0 {
		fmt.Fprintf(&b, "\n* critical path, %s without pulls: %s\n", p.Takes(), strings.Join(path, " -> "))
	}
	if images := p.Images(); len(images) > 0 {
		fmt.Fprintf(&b, "\n%d pulls at most, the most urgent first:\n", len(images))
		for _, i := range images {
			fmt.Fprintf(&b, "  %s (%s)\n", i.Ref, i.Component)
		}
	}
	for _, c := range p.Components {
		for i, build := range c.Builds {
			if i == 0 {
				fmt.Fprintf(&b, "\nImages that are built here, for %s:\n", c.Name)
			}
			after := ""
			if len(build.Needs) > 0 {
				after = " after " + strings.Join(build.Needs, ", ")
			}
			fmt.Fprintf(&b, "  %s%s\n", build.Name, after)
		}
	}
	b.WriteString(p.edges())
	return b.String()
}

func known[T ~int | ~int64](v T) string {
	if v == 0 {
		return "unknown"
	}
	return fmt.Sprint(v)
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

// Mermaid draws the graph: a box per component, a frame per tier, the critical
// path in bold. Names of components are safe in Mermaid's grammar as they are.
func (p Plan) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, tier := range p.tiers() {
		fmt.Fprintf(&b, "  subgraph %s\n", tier)
		for _, c := range p.Components {
			if c.Tier == tier {
				fmt.Fprintf(&b, "    %s[\"%s %s\"]\n", c.Name, c.Name, time.Duration(c.Takes))
			}
		}
		b.WriteString("  end\n")
	}
	critical := map[string]bool{}
	path := p.Critical()
	for i := 1; i < len(path); i++ {
		critical[path[i-1]+" "+path[i]] = true
	}
	for _, c := range p.Components {
		for _, n := range c.Needs {
			arrow := "-->"
			if critical[n.Name+" "+c.Name] {
				arrow = "==>"
			}
			fmt.Fprintf(&b, "  %s %s %s\n", n.Name, arrow, c.Name)
		}
	}
	return b.String()
}

func (p Plan) tiers() []string {
	var tiers []string
	seen := map[string]bool{}
	for _, c := range p.Components {
		if !seen[c.Tier] {
			seen[c.Tier] = true
			tiers = append(tiers, c.Tier)
		}
	}
	return tiers
}
