// Package compose is the driver of Compose projects. Compose itself is linked
// in: no docker CLI and no plugin has to be on the machine.
//
// A component's directory holds compose.yaml, plain Compose that these
// variables are filled into:
//
//	${PLATFORM}            name of the platform
//	${INFRA_NET_NAME}      a value of the run: engine.Env.Values["infra-net-name"]
//	${REDIS_IMAGE}         a setting of the component that is a text: redis-image
//	${REDIS_PASSWORD}      a generated secret of the component; allowed only in
//	                       what Compose copies into containers (configs.*.content,
//	                       secrets.*.environment), where `docker inspect` shows nothing
//
// A `configs.*.file` is read from the component's directory and copied into the
// container, so nothing on the machine is mounted and a remote engine works too.
//
// The user's own files may have images built: see [Driver.Build].
//
// Whether a project is up is read from the engine, and before the engine has run a
// health check by running it: see [checkups]. `up --wait` fails on a one-shot
// container that did its work and exited 0 (docker/compose#10596).
package compose

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v2/pkg/api"
	"github.com/docker/docker/client"
	"github.com/sirupsen/logrus"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// Driver brings Compose projects up and down.
type Driver struct{ docker *docker.Engine }

// New makes the driver; it connects to the engine when it is first used.
//
// Compose logs through a global of its own, for which there is no other switch:
// it goes nowhere, as its warnings are about files that users never see.
func New(docker *docker.Engine) *Driver {
	logrus.SetOutput(io.Discard)
	return &Driver{docker}
}

var (
	_ engine.Driver      = (*Driver)(nil)
	_ engine.Preflighter = (*Driver)(nil)
)

// ProjectName is the Compose project of a component, which is also the prefix
// of its containers and volumes.
func ProjectName(platform, component string) string { return platform + "-" + component }

// Preflight reads every project, so that a mistake in one is told before
// anything starts, and checks that the engine answers.
func (d *Driver) Preflight(ctx context.Context, cs []catalog.Component, env engine.Env) error {
	projects := map[string]*types.Project{}
	for _, c := range cs {
		if isUsers(c) {
			continue
		}
		project, err := load(ctx, c, env)
		if err != nil {
			return err
		}
		projects[c.Name] = project
	}
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(projects) {
		if err := checkTaken(ctx, cli, name, projects[name], env.Name); err != nil {
			return err
		}
	}
	for _, c := range cs {
		if isUsers(c) {
			if err := preflightUser(ctx, cli, c, env, projects); err != nil {
				return err
			}
		}
	}
	return nil
}

// Apply brings the project up and waits until every container is as it should
// be and every probe holds.
func (d *Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	if isUsers(c) {
		if err := prepareUser(ctx, c, env); err != nil {
			return "", err
		}
	}
	project, err := load(ctx, c, env)
	if err != nil {
		return "", err
	}
	for _, name := range c.Secrets {
		if env.Secrets[name] == "" {
			return "", fmt.Errorf("component %s: secret %s was not generated", c.Name, name)
		}
	}
	cli, err := d.docker.Client(ctx)
	if err != nil {
		return "", err
	}
	if isUsers(c) {
		if err := d.buildMissing(ctx, cli, c, env); err != nil {
			return "", err
		}
	}
	before, err := examined(ctx, cli, project.Name)
	if err != nil {
		return "", err
	}
	if asWanted(project, before) && d.holds(ctx, cli, c, env, before) {
		return engine.Unchanged, nil
	}
	env.Progress("start " + plural(len(project.Services), "container"))
	if err := up(ctx, cli, project, env); err != nil {
		return "", d.explain(ctx, cli, project.Name, fmt.Errorf("compose up %s: %w", project.Name, err))
	}
	if err := wait(ctx, cli, project, env.Progress); err != nil {
		return "", err
	}
	if err := d.probe(ctx, cli, c, project.Name, env); err != nil {
		return "", err
	}
	if len(before) == 0 {
		return engine.Created, nil
	}
	after, err := containers(ctx, cli, project.Name)
	if err != nil {
		return "", err
	}
	if same(before, after) { // it was only waited for
		return engine.Unchanged, nil
	}
	return engine.Configured, nil
}

// holds reports that every probe holds at the first try.
func (d *Driver) holds(ctx context.Context, cli *client.Client, c catalog.Component, env engine.Env, cs []state) bool {
	for _, p := range c.Ready {
		if check(ctx, cli, c, env, p, cs) != nil {
			return false
		}
	}
	return true
}

// probe asks until every probe holds. Nothing else ends it but the component's
// own time limit, as containers that are up may take any time to find each other.
func (d *Driver) probe(ctx context.Context, cli *client.Client, c catalog.Component, project string, env engine.Env) error {
	cs, err := containers(ctx, cli, project)
	if err != nil {
		return err
	}
	for _, p := range c.Ready {
		var last error
		for {
			err := check(ctx, cli, c, env, p, cs)
			if err == nil {
				break
			}
			// What breaks because the time is up says nothing of the component.
			if last == nil || ctx.Err() == nil {
				last = err
				env.Progress("wait: " + err.Error())
			}
			if sleep(ctx, pollEvery) != nil {
				return d.explain(context.WithoutCancel(ctx), cli, project, fmt.Errorf("%s is not ready: %w", c.Name, last))
			}
		}
	}
	return nil
}

func up(ctx context.Context, cli *client.Client, project *types.Project, env engine.Env) error {
	service, err := newService(cli, env)
	if err != nil {
		return err
	}
	timeout := stopTimeout
	err = service.Up(ctx, project, api.UpOptions{
		Create: api.CreateOptions{
			Recreate:             api.RecreateDiverged,
			RecreateDependencies: api.RecreateDiverged,
			RemoveOrphans:        true,
			AssumeYes:            true,
			QuietPull:            true,
			Timeout:              &timeout,
		},
		Start: api.StartOptions{Project: project},
	})
	if passing(err) {
		return engine.Transient(err)
	}
	return err
}

// explain adds the last words of the first container that is at fault, if one is.
func (d *Driver) explain(ctx context.Context, cli *client.Client, project string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	cs, listErr := containers(ctx, cli, project)
	if listErr != nil {
		return err // without more words, it is still the cause
	}
	for _, s := range cs {
		if why := s.fault(); why != "" {
			return fmt.Errorf("%w: %s%s", err, why, lastWords(ctx, cli, s))
		}
	}
	return err
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// misconfigured is bad input: the component's files cannot be used as they are.
func misconfigured(c catalog.Component, err error) error {
	return exit.BadInputf("component %s: compose.yaml: %w", c.Name, err)
}
