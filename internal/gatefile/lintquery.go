package gatefile

import "regexp"

// failuresAbove matches a quotient whose upper part is of failures alone: series with a
// status of 5xx, which there are none of until the first failure.
var failuresAbove = regexp.MustCompile(`(code|status)[a-z_]*\s*=~?\s*["']5[^{}/]*\}[^/{}]*/`)

// placeholder matches {{pod-hash}} and the like, whose braces are none of PromQL's.
var placeholder = regexp.MustCompile(`\{\{[^{}]*\}\}`)

// filled matches what gives such a part a value where there are no series.
var filled = regexp.MustCompile(`\bor\b`)

// query finds a share of failures that has no value as long as nothing fails: then the
// best of releases is the one without an answer.
func (l *linter) query(where, query string) {
	if above := failuresAbove.FindString(placeholder.ReplaceAllString(query, "x")); above != "" && !filled.MatchString(above) {
		l.warn(where, "no-failures", "where nothing has failed there is no series of failures, and no quotient: write (… or vector(0)) / …")
	}
}
