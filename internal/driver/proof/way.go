package proof

import (
	"fmt"
	"strconv"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/speak"
)

// way is one host of an endpoint and the names by which pods reach it.
type way struct {
	endpoint catalog.Endpoint
	host     string
	targets  []speak.Target // by Docker's name, by the zone's, by the Service's; not all where one is missing
	by       []string       // which of these each target is
}

// The ways to a host, which are the columns of the table.
const (
	byName    = "by name"
	byZone    = "in the zone"
	byService = "by Service"
)

// waysTo lists every host that the docker tier exposes, with the names that the
// plan gives it.
func waysTo(components []catalog.Component, secrets map[string]string) []way {
	joined, zone, namespace := false, "", ""
	for _, c := range components {
		switch c.Driver {
		case "bridge":
			joined = true
		case "endpoints":
			zone, _ = c.Settings["zone"].(string)
			namespace = c.Namespace
		}
	}
	var ways []way
	for _, c := range components {
		if c.Tier != "docker" {
			continue
		}
		for _, e := range c.Expose {
			for _, host := range e.Hosts {
				w := way{endpoint: e, host: host}
				if joined || e.External {
					w.add(byName, host, secrets)
				}
				if joined && zone != "" && !e.External {
					w.add(byZone, host+"."+zone, secrets)
				}
				if namespace != "" && (!e.External || !e.Clustered) {
					w.add(byService, fmt.Sprintf("%s.%s.svc.cluster.local", e.ExternalService(host), namespace), secrets)
				}
				if len(w.targets) > 0 {
					ways = append(ways, w)
				}
			}
		}
	}
	return ways
}

func (w *way) add(by, name string, secrets map[string]string) {
	w.by = append(w.by, by)
	w.targets = append(w.targets, speak.To(w.endpoint, w.host, name, secrets))
}

func targets(ways []way) []speak.Target {
	var all []speak.Target
	for _, w := range ways {
		all = append(all, w.targets...)
	}
	return all
}

// table has a line for each host. answers are those to [targets], in their order.
func table(title string, ways []way, answers []speak.Answer, back *speak.Answer) engine.Table {
	t := engine.Table{Title: title, Header: []string{"endpoint", "host", "address", byName, byZone, byService, "answer"}}
	for _, w := range ways {
		cells := map[string]string{}
		address, said := "", ""
		for i, a := range answers[:len(w.targets)] {
			cells[w.by[i]] = milliseconds(a)
			if a.Address != "" {
				address = a.Address
			}
			switch {
			case a.Fault != "":
				said = a.Fault
			case said == "":
				said = a.Said
			}
		}
		answers = answers[len(w.targets):]
		t.Rows = append(t.Rows, []string{w.endpoint.Name, w.host, address, cells[byName], cells[byZone], cells[byService], said})
	}
	if back != nil {
		t.Rows = append(t.Rows, []string{back.Endpoint + ", from a container", back.Name, back.Address, milliseconds(*back), "", "", back.Said + back.Fault})
	}
	return t
}

func milliseconds(a speak.Answer) string {
	if a.Fault != "" {
		return "✗"
	}
	return strconv.FormatFloat(float64(a.Took)/float64(time.Millisecond), 'f', 1, 64) + " ms"
}

// judge names the first host that does not answer, and how many others there are.
func judge(ways []way, answers []speak.Answer, back *speak.Answer, progress func(string)) error {
	var first error
	bad, slowest := 0, speak.Answer{}
	fault := func(err error) {
		if bad++; first == nil {
			first = err
		}
	}
	for _, w := range ways {
		for _, a := range answers[:len(w.targets)] {
			if a.Took > slowest.Took {
				slowest = a
			}
			if a.Fault != "" {
				fault(fmt.Errorf("endpoint %s does not answer a pod at %s: %s", a.Endpoint, a.Name, a.Fault))
				break // its other names have the same cause
			}
		}
		answers = answers[len(w.targets):]
	}
	if back != nil && back.Fault != "" {
		fault(fmt.Errorf("a container of the data tier does not reach the cluster at node %s: %s", back.Name, back.Fault))
	}
	switch {
	case bad > 1:
		return fmt.Errorf("%w (and %d more)", first, bad-1)
	case bad == 1:
		return first
	}
	progress(fmt.Sprintf("%d hosts answer a pod by every name, the slowest %s in %s", len(ways), slowest.Name, milliseconds(slowest)))
	return nil
}
