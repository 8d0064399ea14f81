package builder

import (
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
)

// Features are what a build can be asked for beyond a context, a Dockerfile, tags
// and a push. Each is named as the input of docker/build-push-action that means
// the same.
type Features struct {
	Dockerfile     string   // text of the Dockerfile, in place of a file
	Platforms      []string // "linux/amd64"; none means the builder's own
	BuildContexts  []string // name=path, URL or image
	Secrets        []Secret
	SSH            []string // id[=socket or key]
	CacheFrom      []string // attributes as CSV, or a reference
	CacheTo        []string
	Provenance     string // true, false or attributes as CSV
	SBOM           string
	Attests        []string
	NoCache        bool
	NoCacheFilters []string // stages
	Pull           bool
	AddHosts       []string // name:address
	Network        string
	ShmSize        string
	CgroupParent   string
	Ulimits        []string // name=soft[:hard]
	Allow          []string // entitlements
	Outputs        []string // attributes as CSV
	Load           bool     // into the engine, also beside a push
	Call           string   // what is asked of the Dockerfile in place of a build: check, outline or targets
	Builder        string   // of buildx; "" is the current one
	Env            []string // for the docker command alone, such as the token of GitHub's cache
}

// input is one row of the table from inputs to arguments.
type input struct {
	name   string // the input
	flag   string // of the docker command; every value stands behind it and "="
	least  Mode   // the weakest that has it
	values func(Options) []string
	check  func(string) string // says what would be right for a value; "" if it is
}

// inputs is the table. An input that is missing here does not exist.
var inputs = []input{
	{"file", "file", Classic, func(o Options) []string { return o.dockerfile() }, nil},
	{"target", "target", Classic, func(o Options) []string { return one(o.Target) }, nil},
	{"build-args", "build-arg", Classic, func(o Options) []string { return o.BuildArgs }, nil}, // see CheckBuildArgs
	{"labels", "label", Classic, func(o Options) []string { return o.Labels }, named},
	{"tags", "tag", Classic, func(o Options) []string { return o.tags() }, nil}, // made and judged elsewhere
	{"no-cache", "no-cache", Classic, func(o Options) []string { return yes(o.NoCache) }, nil},
	{"pull", "pull", Classic, func(o Options) []string { return yes(o.Pull) }, nil},
	{"add-hosts", "add-host", Classic, func(o Options) []string { return o.AddHosts }, matches(hostPattern, "name:address")},
	{"network", "network", Classic, func(o Options) []string { return one(o.Network) }, matches(wordPattern, "default, none, host or a name")},
	{"shm-size", "shm-size", Classic, func(o Options) []string { return one(o.ShmSize) }, matches(sizePattern, `a size such as "128m"`)},
	{"cgroup-parent", "cgroup-parent", Classic, func(o Options) []string { return one(o.CgroupParent) }, nil},
	{"ulimit", "ulimit", Classic, func(o Options) []string { return o.Ulimits }, matches(ulimitPattern, "name=soft[:hard]")},
	{"platforms", "platform", BuildKit, func(o Options) []string { return o.platforms() }, matches(platformPattern, "platforms such as linux/amd64")},
	{"secrets", "secret", BuildKit, func(o Options) []string { return secretFlags(o.Secrets) }, nil}, // judged when read
	{"ssh", "ssh", BuildKit, func(o Options) []string { return o.SSH }, matches(sshPattern, "default, or id=socket or key")},
	{"outputs", "output", Buildx, func(o Options) []string { return o.outputs() }, output},
	{"cache-from", "cache-from", Buildx, func(o Options) []string { return o.CacheFrom }, cache},
	{"cache-to", "cache-to", Buildx, func(o Options) []string { return o.CacheTo }, cache},
	{"build-contexts", "build-context", Buildx, func(o Options) []string { return o.BuildContexts }, buildContext},
	{"annotations", "annotation", Buildx, func(o Options) []string { return o.Annotations }, named},
	{"provenance", "provenance", Buildx, func(o Options) []string { return one(o.Provenance) }, attributes},
	{"sbom", "sbom", Buildx, func(o Options) []string { return one(o.SBOM) }, attributes},
	{"attests", "attest", Buildx, func(o Options) []string { return o.Attests }, typed},
	{"no-cache-filters", "no-cache-filter", Buildx, func(o Options) []string { return o.NoCacheFilters }, nil},
	{"allow", "allow", Buildx, func(o Options) []string { return o.Allow }, matches(allowPattern, "an entitlement such as network.host")},
	{"call", "call", Buildx, func(o Options) []string { return one(o.Call) }, nil}, // one of a few words
	{"builder", "builder", Buildx, func(o Options) []string { return one(o.Builder) }, matches(wordPattern, "the name of a builder")},
}

func one(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

func yes(b bool) []string {
	if !b {
		return nil
	}
	return []string{"true"}
}

func (o Options) dockerfile() []string {
	if o.Dockerfile != "" {
		return []string{"-"} // standard input
	}
	return one(o.File)
}

func (o Options) platforms() []string { return one(strings.Join(o.Platforms, ",")) }

// tags are left out where an output pushes by digest alone: BuildKit refuses both.
func (o Options) tags() []string {
	if o.ByDigest() {
		return nil
	}
	return o.Refs
}

// outputs name the repository where they push by digest alone and leave it to us, and
// say that times are rewritten.
func (o Options) outputs() []string {
	out := slices.Clone(o.Outputs)
	if o.RewriteTimes && o.Push && !slices.ContainsFunc(out, pushes) {
		out = append(out, "type=image") // which a push makes anyway
	}
	for i, value := range out {
		if attribute(value, "push-by-digest") == "true" && attribute(value, "name") == "" && len(o.Refs) > 0 {
			out[i] += ",name=" + o.Refs[0][:strings.LastIndex(o.Refs[0], ":")]
		}
		if o.RewriteTimes && (pushes(value) || attribute(value, "type") == "oci") {
			out[i] += ",rewrite-timestamp=true"
		}
	}
	return out
}

// pushes reports whether an output is an image in a registry.
func pushes(output string) bool {
	return slices.Contains([]string{"image", "registry"}, attribute(output, "type"))
}

// Elsewhere reports whether an output takes the result to somewhere else than under the
// tags.
func (o Options) Elsewhere() bool {
	return slices.ContainsFunc(o.Outputs, func(out string) bool {
		return !pushes(out) || attribute(out, "name") != "" || attribute(out, "push-by-digest") == "true"
	})
}

// Predicates are how the types of the attestations begin that are asked for.
func (f Features) Predicates() []string {
	asked := func(kind, input string) bool {
		return wanted(input) || slices.ContainsFunc(f.Attests, func(a string) bool { return attribute(a, "type") == kind && wanted(a) })
	}
	var out []string
	if asked("provenance", f.Provenance) {
		out = append(out, "https://slsa.dev/provenance/")
	}
	if asked("sbom", f.SBOM) {
		out = append(out, "https://spdx.dev/Document")
	}
	return out
}

// Check reports the first input that no builder could take: bad input, in one
// sentence.
func (o Options) Check() error {
	if err := CheckBuildArgs(o.BuildArgs); err != nil {
		return err
	}
	for _, in := range inputs {
		for _, value := range in.values(o) {
			if in.check == nil {
				continue
			}
			if want := in.check(value); want != "" {
				return exit.BadInputf("input %s holds %q: write %s", in.name, redact(value), want)
			}
		}
	}
	return checkSecrets(o.Secrets)
}

// offered is what the tool can be told of the options: secrets that are given for good
// measure are left out where there are none.
func (t Tool) offered(o Options) Options {
	if t.Mode.rank() < BuildKit.rank() {
		o.Secrets = slices.DeleteFunc(slices.Clone(o.Secrets), func(s Secret) bool { return s.Optional })
	}
	return o
}

// Suits reports the first input that the tool has no way for.
func (t Tool) Suits(o Options) error {
	o = t.offered(o)
	for _, in := range inputs {
		if len(in.values(o)) > 0 && in.least.rank() > t.Mode.rank() {
			return exit.BadInputf("input %s needs %s: install Docker's buildx plugin, or leave the input out", in.name, t.lacks(in.least))
		}
	}
	if o.Dockerfile != "" && IsRemote(o.Context) && t.Mode == Engine {
		return exit.BadInputf("input dockerfile-inline for a context that is fetched needs %s: install Docker, or have the Dockerfile in the context", t.lacks(BuildKit))
	}
	if len(o.Platforms) > 1 && t.Mode != Buildx {
		return exit.BadInputf("input platforms names %d platforms, which needs %s: install Docker's buildx plugin, or name one", len(o.Platforms), t.lacks(Buildx))
	}
	return nil
}

// lacks says what a mode needs beside what the tool has.
func (t Tool) lacks(m Mode) string {
	what := map[Mode]string{Buildx: "buildx", BuildKit: "BuildKit"}[m]
	if t.Mode == Engine {
		return what + ", and there is only a Docker engine here and no docker command"
	}
	return what + ", which " + t.CLI + " " + t.Version + " does not have"
}

// arguments are those of the table that say something.
func (o Options) arguments() []string {
	var args []string
	for _, in := range inputs {
		for _, value := range in.values(o) {
			args = append(args, "--"+in.flag+"="+value)
		}
	}
	return args
}
