package compose

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"github.com/docker/buildx/build"
	"github.com/docker/compose/v2/pkg/api"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/composefile"
	"github.com/buenhyden/hy-home/internal/exit"
)

// image is what is built of a service, or pulled in its place.
type image struct {
	types.BuildConfig
	service  string
	name     string // reference, as the file gives it or <project>-<service>
	ours     bool   // the file gives it no name: it goes with the platform
	policy   string // pull_policy
	platform string // "" is the engine's own
	at       composefile.Pos
	needs    []string // services whose images its additional contexts are
}

// resolveBuilds takes the build sections out of the services: what Compose starts
// is an image that is there.
func (u *userProject) resolveBuilds() error {
	for _, name := range u.ServiceNames() {
		s := u.Services[name]
		if s.Build == nil {
			continue
		}
		b, err := u.build(s)
		if err != nil {
			return err
		}
		u.builds[name] = b
		s.Image, s.Build, s.PullPolicy = b.name, nil, types.PullPolicyNever
		u.Services[name] = s
	}
	// A service may run what another one builds.
	for _, name := range u.ServiceNames() {
		s := u.Services[name]
		for _, b := range u.builds {
			if s.Image == b.name {
				s.PullPolicy = types.PullPolicyNever
				u.Services[name] = s
			}
		}
	}
	return u.buildOrder()
}

// build checks a build section, so that what can be known before is not found out
// by a builder minutes later.
func (u *userProject) build(s types.ServiceConfig) (image, error) {
	b := image{BuildConfig: *s.Build, service: s.Name, policy: s.PullPolicy, platform: s.Platform, at: u.at("services", s.Name, "build")}
	if b.name = api.GetImageNameOrDefault(s, u.Name); s.Image == "" {
		b.ours = true
	} else if _, err := reference.ParseNormalizedNamed(s.Image); err != nil {
		return b, u.noReference(s)
	}
	b.Args = b.Args.Resolve(u.Environment.Resolve)
	for _, where := range b.AdditionalContexts {
		if need, ok := strings.CutPrefix(where, types.ServicePrefix); ok && !slices.Contains(b.needs, need) {
			b.needs = append(b.needs, need)
		}
	}
	slices.Sort(b.needs)
	if b.Context == "" || build.IsRemoteURL(b.Context) || u.policyKeeps(b) {
		return b, nil
	}
	if info, err := os.Stat(b.Context); err != nil || !info.IsDir() {
		return b, exit.BadInputf("%s: service %s is built of %s, which is no directory", b.at, s.Name, u.show(b.Context))
	}
	if b.DockerfileInline != "" || build.IsRemoteURL(b.Dockerfile) {
		return b, nil
	}
	if info, err := os.Stat(b.dockerfile()); err != nil || info.IsDir() {
		return b, exit.BadInputf("%s: service %s is built by %s, which is not there", b.at, s.Name, u.show(b.dockerfile()))
	}
	return b, nil
}

// policyKeeps reports that an image may be had without its build section, so that
// nothing of the latter has to be there.
func (u *userProject) policyKeeps(b image) bool {
	return !b.ours && b.policy != "" && b.policy != types.PullPolicyBuild
}

// dockerfile is the path of its Dockerfile; "" for one in a context elsewhere.
func (b image) dockerfile() string {
	name := b.Dockerfile
	switch {
	case build.IsRemoteURL(b.Context), build.IsRemoteURL(name), filepath.IsAbs(name):
		return name
	case name == "":
		name = "Dockerfile"
	}
	return filepath.Join(b.Context, name)
}

// buildOrder refuses images that are built on each other.
func (u *userProject) buildOrder() error {
	const visiting, visited = 1, 2
	state := map[string]int{}
	var visit func(name string) error
	visit = func(name string) error {
		b, built := u.builds[name]
		switch {
		case !built || state[name] == visited:
			return nil
		case state[name] == visiting:
			return exit.BadInputf("%s: service %s is built on itself", b.at, name)
		}
		state[name] = visiting
		for _, need := range b.needs {
			if err := visit(need); err != nil {
				return err
			}
		}
		state[name] = visited
		u.ordered = append(u.ordered, name)
		return nil
	}
	for _, name := range sortedKeys(u.builds) {
		if err := visit(name); err != nil {
			return err
		}
	}
	return nil
}

// described are the builds as the graph knows them.
func (u *userProject) described() []catalog.Build {
	var out []catalog.Build
	for _, name := range u.ordered {
		b := catalog.Build{Name: name}
		for _, need := range u.builds[name].needs {
			if _, built := u.builds[need]; built {
				b.Needs = append(b.Needs, need)
			}
		}
		out = append(out, b)
	}
	return out
}

func (u *userProject) noReference(s types.ServiceConfig) error {
	return exit.BadInputf("%s: service %s: image %q is no reference to an image: write name:tag", u.at("services", s.Name, "image"), s.Name, s.Image)
}

// failure is the error of a build: where it is asked for, and why.
func (b image) failure(cause error) error {
	return fmt.Errorf("%s: build of service %s: %w", b.at, b.service, cause)
}
