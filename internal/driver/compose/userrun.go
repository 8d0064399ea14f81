package compose

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/composefile"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// preflightUser finds what cannot work in the user's files, and warns of what
// will bite. projects are those of the catalog, by component.
func preflightUser(ctx context.Context, cli *client.Client, c catalog.Component, env engine.Env, projects map[string]*types.Project) error {
	u, err := loadUser(ctx, c, env)
	if err != nil {
		return err
	}
	if _, err := u.binds(); err != nil {
		return err
	}
	memory := int64(0)
	if info, err := cli.Info(ctx); err == nil {
		memory = info.MemTotal
	}
	findings, err := u.lint(memory)
	if err != nil {
		return err
	}
	for _, f := range findings {
		env.Warn(f.String())
	}
	if err := u.checkNetworks(ctx, cli); err != nil {
		return err
	}
	for _, component := range sortedKeys(projects) {
		if err := u.checkNames(component, projects[component]); err != nil {
			return err
		}
	}
	if err := u.checkContainerNames(ctx, cli); err != nil {
		return err
	}
	return u.checkOrder()
}

// checkOrder looks for services that wait for what never comes.
func (u *userProject) checkOrder() error {
	for _, name := range u.ServiceNames() {
		for _, need := range sortedKeys(u.Services[name].DependsOn) {
			other, ok := u.Services[need]
			if !ok {
				continue
			}
			pos := u.at("services", name, "depends_on", need)
			switch u.Services[name].DependsOn[need].Condition {
			case types.ServiceConditionHealthy:
				if other.HealthCheck != nil && other.HealthCheck.Disable {
					return exit.BadInputf("%s: service %s waits until %s is healthy, whose health check is disabled: wait for service_started", pos, name, need)
				}
			case types.ServiceConditionCompletedSuccessfully:
				if r := other.Restart; r != "" && r != types.RestartPolicyNo && !strings.HasPrefix(r, types.RestartPolicyOnFailure) {
					return exit.BadInputf("%s: service %s waits until %s has ended, which restarts for ever (restart: %s): set restart: \"no\" on it", pos, name, need, r)
				}
			}
		}
	}
	return nil
}

// lint lists what will bite, in the order of the files' lines.
func (u *userProject) lint(memory int64) ([]composefile.Finding, error) {
	findings := composefile.Lint(u.docs, func(name string) bool { _, ok := u.unset[name]; return ok })
	var services []composefile.Service
	for _, name := range u.ServiceNames() {
		s := u.Services[name]
		ref, err := reference.ParseNormalizedNamed(s.Image)
		if err != nil {
			return nil, err // resolveImages has refused it before
		}
		judged := composefile.Service{
			Name: name, Image: reference.TagNameOnly(ref).String(), Tagged: !reference.IsNameOnly(ref), Built: u.isBuilt(s.Image),
			Env: sortedKeys(s.Environment), Command: len(s.Command) > 0,
			Memory: int64(s.MemLimit), Job: s.Restart == types.RestartPolicyNo,
		}
		if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
			judged.Memory = max(judged.Memory, int64(s.Deploy.Resources.Limits.MemoryBytes))
		}
		for _, v := range s.Volumes {
			judged.Mounts = append(judged.Mounts, v.Target)
		}
		for _, other := range u.Services {
			_, waits := other.DependsOn[name]
			judged.Awaited = judged.Awaited || waits && other.DependsOn[name].Condition == types.ServiceConditionCompletedSuccessfully
		}
		services = append(services, judged)
	}
	more, err := composefile.Judge(u.docs, services, memory)
	findings = append(findings, more...)
	slices.SortStableFunc(findings, func(a, b composefile.Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line)
	})
	return findings, err
}

// prepareUser makes the files and directories that the project lacks, and hides
// every secret of it: also those that the user brought.
func prepareUser(ctx context.Context, c catalog.Component, env engine.Env) error {
	u, err := loadUser(ctx, c, env)
	if err != nil {
		return err
	}
	for key, s := range u.Secrets {
		text := s.Content
		if s.File != "" {
			read, err := os.ReadFile(s.File)
			if err != nil {
				return fmt.Errorf("secret %s: %w", key, err)
			}
			text = string(read)
		}
		env.Mask(text)
	}
	return u.make(c.Name)
}

func forgetMade(env engine.Env, c catalog.Component) error {
	if env.StateDir == "" {
		return nil
	}
	if err := os.RemoveAll(builderDir(env, c.Name)); err != nil {
		return fmt.Errorf("remove what the builder noted: %w", err)
	}
	m, err := loadMade(env, c)
	if err != nil {
		return err
	}
	return m.forget(env, c.Name)
}
