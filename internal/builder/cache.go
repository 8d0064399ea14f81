package builder

import (
	"slices"
	"strings"
)

// withCaches fills in what the attributes of caches leave out.
func (o Options) withCaches() Options {
	o.CacheFrom, o.CacheTo = o.caches(o.CacheFrom), mayFail(o.caches(o.CacheTo))
	return o
}

// caches says for GitHub's cache what it takes badly to be left out: without a scope,
// images of one repository overwrite each other's; and BuildKit waits ten minutes for
// one that does not answer, then fails the build.
func (o Options) caches(values []string) []string {
	out := slices.Clone(values)
	for i, value := range out {
		if attribute(value, "type") != "gha" {
			continue
		}
		if attribute(value, "scope") == "" && len(o.Refs) > 0 {
			out[i] += ",scope=" + o.Refs[0][:strings.LastIndex(o.Refs[0], ":")]
		}
		if attribute(value, "timeout") == "" {
			out[i] += ",timeout=3m"
		}
	}
	return out
}

// mayFail has an image come out also where its cache cannot be kept elsewhere, unless
// the input says otherwise.
func mayFail(exports []string) []string {
	for i, value := range exports {
		if plainReference(value) {
			exports[i] = "type=registry,ref=" + value
		}
		kind := attribute(exports[i], "type")
		if !slices.Contains([]string{"", "inline", "local"}, kind) && attribute(value, "ignore-error") == "" {
			exports[i] += ",ignore-error=true"
		}
	}
	return exports
}
