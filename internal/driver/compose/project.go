package compose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v2/pkg/api"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
)

// filesLabel holds the digest of the files copied into a container. Compose
// leaves them out of its own config hash, so without it a changed file would
// never reach a running container.
const filesLabel = "io.github.buenhyden.hyaction.files"

// load reads a component's compose.yaml as a project that is ready for Up.
func load(ctx context.Context, c catalog.Component, env engine.Env) (*types.Project, error) {
	if isUsers(c) {
		u, err := loadUser(ctx, c, env)
		if err != nil {
			return nil, err
		}
		return u.Project, nil
	}
	if c.Files == nil {
		return nil, misconfigured(c, fs.ErrNotExist)
	}
	text, err := fs.ReadFile(c.Files, "compose.yaml")
	if err != nil {
		return nil, misconfigured(c, err)
	}
	vars := variables(c, env)
	missing := map[string]bool{}
	lookup := func(name string) (string, bool) {
		value, ok := vars[name]
		if !ok {
			missing[name] = true
		}
		return value, ok
	}
	project, err := loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  "/",
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: text}},
		Environment: maps.Clone(vars), // the loader adds to it
	}, func(o *loader.Options) {
		o.SetProjectName(ProjectName(env.Name, c.Name), true)
		o.Interpolate = &interpolation.Options{LookupValue: lookup, TypeCastMapping: o.Interpolate.TypeCastMapping, Substitute: o.Interpolate.Substitute}
		// Relative paths name files of the component, which are not on disk.
		o.ResolvePaths = false
	})
	// An unknown variable first: what it leaves empty is a fault of its own.
	if len(missing) > 0 {
		return nil, misconfigured(c, fmt.Errorf("unknown variables %s; there are: %s",
			strings.Join(slices.Sorted(maps.Keys(missing)), ", "), strings.Join(slices.Sorted(maps.Keys(vars)), ", ")))
	}
	if err != nil {
		return nil, misconfigured(c, err)
	}
	if err := embedFiles(project, c.Files); err != nil {
		return nil, misconfigured(c, err)
	}
	label(project, env.Name)
	return project, nil
}

// variables are what compose.yaml may use; see the package comment.
func variables(c catalog.Component, env engine.Env) map[string]string {
	vars := map[string]string{"PLATFORM": env.Name}
	for name, value := range c.Settings {
		if text, ok := value.(string); ok {
			vars[variable(name)] = text
		}
	}
	for name, value := range env.Values {
		vars[variable(name)] = value
	}
	for _, name := range c.Secrets {
		vars[variable(name)] = env.Secrets[name] // empty in a preflight: none is made yet
	}
	return vars
}

func variable(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }

// embedFiles replaces each `configs.*.file` by the file's content.
func embedFiles(project *types.Project, files fs.FS) error {
	digests := map[string]string{}
	for name, config := range project.Configs {
		if config.File == "" {
			continue
		}
		text, err := fs.ReadFile(files, path.Clean(config.File))
		if err != nil {
			return fmt.Errorf("configs.%s: %w", name, err)
		}
		sum := sha256.Sum256(text)
		digests[name] = hex.EncodeToString(sum[:6])
		config.File, config.Content = "", string(text)
		project.Configs[name] = config
	}
	for name, s := range project.Services {
		var used []string
		for _, ref := range s.Configs {
			if digest, ok := digests[ref.Source]; ok {
				used = append(used, ref.Source+"="+digest)
			}
		}
		if len(used) > 0 {
			slices.Sort(used)
			s.Labels = s.Labels.Add(filesLabel, strings.Join(used, ","))
			project.Services[name] = s
		}
	}
	return nil
}

// label gives containers and volumes the platform's label, and the labels that
// the docker compose command itself sets: without them neither it nor the
// library finds the containers again.
func label(project *types.Project, platform string) {
	for name, s := range project.Services {
		s.CustomLabels = types.Labels{
			api.ProjectLabel:     project.Name,
			api.ServiceLabel:     name,
			api.VersionLabel:     api.ComposeVersion,
			api.WorkingDirLabel:  project.WorkingDir,
			api.ConfigFilesLabel: "compose.yaml",
			api.OneoffLabel:      "False",
			docker.PlatformLabel: platform,
		}
		project.Services[name] = s
	}
	for key, v := range project.Volumes {
		v.CustomLabels = v.CustomLabels.Add(docker.PlatformLabel, platform)
		project.Volumes[key] = v
	}
	for key, n := range project.Networks {
		n.CustomLabels = n.CustomLabels.Add(docker.PlatformLabel, platform)
		project.Networks[key] = n
	}
}
