package bridge

import (
	"fmt"
	"regexp"
	"strings"
)

// Zone is a DNS zone of the cluster in which every name of the data tier's
// network lives: redis-node-1.infra.local is what Docker calls redis-node-1.
//
// A bare name costs a pod four or five questions, as its resolver tries its
// search list first (ndots:5), and can be mistaken for a Service; one in a zone
// of its own cannot.
type Zone struct {
	Name  string // "infra.local"
	Owner string // the platform, by which the block is found again
}

// block hands questions on to Docker's DNS, through the node's resolv.conf, as
// CoreDNS already does for bare names. Nothing is written down, so that a
// container that got another address is found at once; what is remembered for
// 5 s are also answers that a name is unknown.
const block = `%[1]s
%[3]s:53 {
    errors
    rewrite name suffix .%[3]s. . answer auto
    forward . /etc/resolv.conf
    cache 5
}
%[2]s
`

func (z Zone) marks() (begin, end string) {
	return "# hyaction " + z.Owner + ": begin", "# hyaction " + z.Owner + ": end"
}

// Add puts the zone's block at the end of a Corefile, or where it was before;
// every other byte stays. It is an error if somebody else serves the zone: a
// doubled one keeps CoreDNS from starting.
func (z Zone) Add(corefile string) (string, error) {
	before, after, found := z.cut(corefile)
	for line := range strings.Lines(before + after) {
		if served(line, z.Name) {
			return "", fmt.Errorf("the cluster's DNS serves the zone %s already: %s", z.Name, strings.TrimSpace(line))
		}
	}
	begin, end := z.marks()
	if !found && before != "" && !strings.HasSuffix(before, "\n") {
		before += "\n"
	}
	return before + fmt.Sprintf(block, begin, end, z.Name) + after, nil
}

// Drop takes the zone's block out of a Corefile.
func (z Zone) Drop(corefile string) string {
	before, after, found := z.cut(corefile)
	if !found {
		return corefile
	}
	return before + after
}

// cut finds the block between its marks. Marks that are not a pair on lines of
// their own are text of somebody else.
func (z Zone) cut(corefile string) (before, after string, found bool) {
	begin, end := z.marks()
	pair := regexp.MustCompile(`(?ms)^` + regexp.QuoteMeta(begin) + `\n.*?^` + regexp.QuoteMeta(end) + `\n`)
	at := pair.FindStringIndex(corefile)
	if at == nil {
		return corefile, "", false
	}
	return corefile[:at[0]], corefile[at[1]:], true
}

// served reports that a line opens a server block of the zone.
func served(line, zone string) bool {
	keys, opens := strings.CutSuffix(strings.TrimSpace(line), "{")
	if !opens || strings.HasPrefix(keys, "#") {
		return false
	}
	for _, key := range strings.FieldsFunc(keys, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		key = strings.TrimPrefix(key, "dns://")
		key, _, _ = strings.Cut(key, ":")
		if strings.EqualFold(strings.TrimSuffix(key, "."), zone) {
			return true
		}
	}
	return false
}
