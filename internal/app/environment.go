package app

import (
	"maps"
	"slices"
	"strings"
)

// environment is the environment hyaction was started with. Our own variables:
//
//	HYACTION_BIN     bootstrap.sh: a binary to run in place of the release's
//	HYACTION_MIRROR  bootstrap.sh: base URL to download releases from
//	HYACTION_DEBUG   "1" is the same as --debug
//	HYACTION_TARGETS probe, where it is given no file: what to speak to, as JSON; holds passwords
type environment map[string]string

// parseEnviron reads the form of os.Environ. Of a name given twice the last
// counts, as it does for a started process.
func parseEnviron(environ []string) environment {
	env := make(environment, len(environ))
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok && name != "" {
			env[name] = value
		}
	}
	return env
}

func (e environment) get(name string) string { return e[name] }

func (e environment) names() []string { return slices.Sorted(maps.Keys(e)) }

func (e environment) withoutInputs() []string {
	var lines []string
	for _, name := range e.names() {
		if !strings.HasPrefix(name, "INPUT_") {
			lines = append(lines, name+"="+e[name])
		}
	}
	return lines
}
