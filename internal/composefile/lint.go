package composefile

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Finding is something in a Compose file that will bite, with its cure.
type Finding struct {
	Pos
	Text string
}

// String is one line for people: "compose.yml:12: ...".
func (f Finding) String() string { return f.Pos.String() + ": " + f.Text }

// Refused lists the texts that Compose cannot fill in, such as a shell's ${#LIST}
// whose dollar is not escaped.
func Refused(docs []Doc) []Finding {
	var out []Finding
	walkAll(docs, func(pos Pos, path []string, text string) {
		if _, bad := Variables(text); bad != "" {
			out = append(out, Finding{pos, fmt.Sprintf("%s: Compose takes ${ for the start of a variable and does not understand %q: write $%s", strings.Join(path, "."), bad, bad)})
		}
	})
	return out
}

// Lint reports what the text of the files shows: keys that mean nothing,
// variables that are not set, and shell variables that Compose fills in before
// the shell sees them. isUnset says of a variable that nobody has given it.
func Lint(docs []Doc, isUnset func(name string) bool) []Finding {
	var out []Finding
	for _, doc := range docs {
		for _, root := range doc.docs {
			if key := keyAt(root, []string{"version"}); key != nil {
				out = append(out, Finding{Pos{doc.Name, key.Line}, "version: means nothing to Compose any more: remove the line"})
			}
		}
	}
	said := map[string]bool{}
	walkAll(docs, func(pos Pos, path []string, text string) {
		uses, _ := Variables(text)
		for _, v := range uses {
			if v.Operator != "" || !isUnset(v.Name) {
				continue
			}
			where := strings.Join(path, ".")
			if inShell(path) {
				once(said, where+v.Name, func() {
					out = append(out, Finding{pos, fmt.Sprintf("%s: %s is not set, and Compose fills it in before the shell of the container sees it: write $%s to leave it to the shell", where, v.Text, v.Text)})
				})
			} else if !IsCredential(v.Name) { // those are generated
				once(said, v.Name, func() {
					out = append(out, Finding{pos, fmt.Sprintf("%s: variable %s is not set and has no default, so nothing stands there: set it in the environment or in an env file, or write ${%s:-default}", where, v.Name, v.Name)})
				})
			}
		}
	})
	return append(out, hostNames(docs)...)
}

// inShell reports that a text is run in the container, often by a shell.
func inShell(path []string) bool {
	if len(path) < 2 || path[0] != "services" && !strings.HasPrefix(path[0], "x-") {
		return false
	}
	return slices.ContainsFunc(path[1:], func(key string) bool { return key == "command" || key == "entrypoint" || key == "healthcheck" })
}

// hostNames finds the name that only Docker Desktop knows.
func hostNames(docs []Doc) []Finding {
	const name = "host.docker.internal"
	var out []Finding
	for _, doc := range docs {
		for _, root := range doc.docs {
			each(child(root, "services"), func(key, service *yaml.Node) {
				for _, host := range texts(child(service, "extra_hosts")) {
					if strings.HasPrefix(host, name) {
						return
					}
				}
				if child(child(service, "extra_hosts"), name) != nil {
					return
				}
				walk(service, []string{"services", key.Value}, 0, func(path []string, n *yaml.Node) {
					if strings.Contains(n.Value, name) {
						out = append(out, Finding{Pos{doc.Name, n.Line}, fmt.Sprintf("%s: %s exists on Docker Desktop only: use the other service's name, or add extra_hosts: [%s:host-gateway]", strings.Join(path, "."), name, name)})
					}
				})
			})
		}
	}
	return out
}

func once(said map[string]bool, what string, f func()) {
	if !said[what] {
		said[what] = true
		f()
	}
}

func walkAll(docs []Doc, f func(pos Pos, path []string, text string)) {
	for _, doc := range docs {
		for _, root := range doc.docs {
			walk(root, nil, 0, func(path []string, n *yaml.Node) { f(Pos{doc.Name, n.Line}, path, n.Value) })
		}
	}
}

// walk calls f for every string below a node. An alias is not followed: its text
// is met where it stands.
func walk(n *yaml.Node, path []string, depth int, f func(path []string, n *yaml.Node)) {
	if n == nil || depth > maxDepth {
		return
	}
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!str" || n.Tag == "" || n.Tag == "!" {
			f(path, n)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			walk(item, path, depth+1, f)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			walk(n.Content[i+1], append(slices.Clone(path), n.Content[i].Value), depth+1, f)
		}
	}
}
