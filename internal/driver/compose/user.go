package compose

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"github.com/docker/compose/v2/pkg/api"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/composefile"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// settings of a component that stands for Compose files on disk. A component of
// the catalog has none: its compose.yaml is among its files.
type settings struct {
	Root     string   `yaml:"root"` // nothing is made outside of it
	Files    []string `yaml:"files"`
	EnvFiles []string `yaml:"env-files"`
	Profiles []string `yaml:"profiles"`
}

// isUsers reports whether a component stands for Compose files on disk.
func isUsers(c catalog.Component) bool { return c.Settings["files"] != nil }

// userProject is what Compose files on disk come to, and what they lack.
type userProject struct {
	given settings
	*types.Project

	component string
	docs      []composefile.Doc
	env       engine.Env
	made      made              // of earlier runs
	vars      map[string]string // what the files may use
	secrets   []string          // names of the generated credentials it uses
	unset     map[string]string // variable without a value: how it is written
	write     map[string]string // file that is missing: what is generated into it
	builds    map[string]image  // what is built, by service
	ordered   []string          // its services, in an order in which they can be built
}

// loadUser reads the files as `docker compose` does, with the same rules for
// relative paths, profiles and variables.
func loadUser(ctx context.Context, c catalog.Component, env engine.Env) (*userProject, error) {
	u := &userProject{component: c.Name, env: env, unset: map[string]string{}, write: map[string]string{}, builds: map[string]image{}}
	if err := c.DecodeSettings(&u.given); err != nil {
		return nil, err
	}
	u.docs = composefile.Collect(u.given.Files, u.show)
	var err error
	if u.made, err = loadMade(env, c); err != nil {
		return nil, err
	}
	if err := u.readVariables(); err != nil {
		return nil, err
	}
	if refused := composefile.Refused(u.docs); len(refused) > 0 {
		return nil, exit.BadInputf("%s", refused[0])
	}
	if u.Project, err = u.load(ctx, ProjectName(env.Name, c.Name)); err != nil {
		return nil, exit.BadInputf("compose-files: %s", u.plain(err))
	}
	if len(u.Services) == 0 {
		return nil, u.noService()
	}
	for _, step := range []func() error{u.resolveEnvironment, u.resolveSecrets, u.resolveBuilds, u.resolveImages, u.resolveNetworks} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	u.label()
	return u, nil
}

// show is a path as the user writes it.
func (u *userProject) show(path string) string {
	if rel, err := filepath.Rel(u.given.Root, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// dir is where relative paths start.
func (u *userProject) dir() string { return filepath.Dir(u.given.Files[0]) }

// at is where a thing of the project stands.
func (u *userProject) at(path ...string) composefile.Pos { return composefile.Find(u.docs, path...) }

// plain shortens the paths in an error of the loader, and names the files where it
// names none.
func (u *userProject) plain(err error) string {
	text := strings.ReplaceAll(err.Error(), u.given.Root+string(filepath.Separator), "")
	text = strings.Join(strings.Fields(text), " ")
	var files []string
	for _, file := range u.given.Files {
		files = append(files, u.show(file))
	}
	if !slices.ContainsFunc(files, func(f string) bool { return strings.Contains(text, f) }) {
		return strings.Join(files, ", ") + ": " + text
	}
	return text
}

func (u *userProject) noService() error {
	profiles := map[string]bool{}
	for _, s := range u.DisabledServices {
		for _, p := range s.Profiles {
			profiles[p] = true
		}
	}
	if len(profiles) > 0 {
		return exit.BadInputf("compose-files: with compose-profiles %q no service is left: choose from %s", strings.Join(u.given.Profiles, " "), strings.Join(slices.Sorted(maps.Keys(profiles)), ", "))
	}
	return exit.BadInputf("compose-files: there is no service in %s", strings.Join(slices.Collect(mapped(u.given.Files, u.show)), ", "))
}

// resolveImages checks that each service has an image that can be had.
func (u *userProject) resolveImages() error {
	for _, name := range u.ServiceNames() {
		if _, err := reference.ParseNormalizedNamed(u.Services[name].Image); err != nil {
			return u.noReference(u.Services[name])
		}
	}
	return nil
}

// images are the references in full that the project pulls, sorted.
func (u *userProject) images() []string {
	var images []string
	for _, s := range u.Services {
		// What is built here, or must not be pulled, is in no registry.
		if s.PullPolicy == types.PullPolicyNever || s.PullPolicy == types.PullPolicyBuild {
			continue
		}
		if ref, err := reference.ParseNormalizedNamed(s.Image); err == nil {
			images = append(images, reference.TagNameOnly(ref).String())
		}
	}
	slices.Sort(images)
	return slices.Compact(images)
}

// ports are the TCP ports of the machine that the project publishes, sorted.
func (u *userProject) ports() []int {
	var ports []int
	for _, s := range u.Services {
		for _, p := range s.Ports {
			if n, err := strconv.Atoi(p.Published); err == nil && p.Protocol != "udp" {
				ports = append(ports, n)
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// Describe fills in what the files of a component ask for.
func (d *Driver) Describe(ctx context.Context, c catalog.Component, env engine.Env) (catalog.Component, error) {
	if !isUsers(c) {
		return c, nil
	}
	u, err := loadUser(ctx, c, env)
	if err != nil {
		return c, err
	}
	c.Images, c.Builds, c.Ports, c.Secrets = u.images(), u.described(), u.ports(), u.secrets
	for _, s := range u.Services {
		// A limit is no wish: what is reserved is what the service will use.
		c.Budget.Memory += catalog.Bytes(s.MemReservation) * catalog.Bytes(s.GetScale())
		if s.Deploy != nil && s.Deploy.Resources.Reservations != nil {
			c.Budget.Memory += catalog.Bytes(s.Deploy.Resources.Reservations.MemoryBytes) * catalog.Bytes(s.GetScale())
			c.Budget.CPU += catalog.MilliCPU(s.Deploy.Resources.Reservations.NanoCPUs*1000) * catalog.MilliCPU(s.GetScale())
		}
	}
	return c, nil
}

var _ engine.Describer = (*Driver)(nil)

// label marks the services as the platform's, and says of each how it ends.
func (u *userProject) label() {
	label(u.Project, u.env.Name)
	for name, s := range u.Services {
		s.CustomLabels[api.ConfigFilesLabel] = strings.Join(u.given.Files, ",")
		s.CustomLabels[endLabel] = u.end(s)
		u.Services[name] = s
	}
}

// end says how a service ends: a job does, a server does not, and of one that
// says nothing of its restart nobody knows.
func (u *userProject) end(s types.ServiceConfig) string {
	for _, other := range u.Services {
		if d, ok := other.DependsOn[s.Name]; ok && d.Condition == types.ServiceConditionCompletedSuccessfully {
			return endsJob
		}
	}
	switch {
	case s.Restart == types.RestartPolicyNo:
		return endsJob
	case s.Restart == "" && (s.Deploy == nil || s.Deploy.RestartPolicy == nil):
		return endsMaybe
	}
	return endsNever
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func mapped[A, B any](items []A, f func(A) B) func(func(B) bool) {
	return func(yield func(B) bool) {
		for _, item := range items {
			if !yield(f(item)) {
				return
			}
		}
	}
}
