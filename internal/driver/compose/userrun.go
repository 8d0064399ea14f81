package compose

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
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
	m, err := loadMade(env, c)
	if err != nil {
		return err
	}
	return m.forget(env, c.Name)
}
