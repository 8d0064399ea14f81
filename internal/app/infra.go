package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	infratemplate "github.com/buenhyden/hy-home/infra-template"
	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo"
	"github.com/buenhyden/hy-home/internal/kustomize"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/internal/spec"
)

// infra is the commands around the infrastructure repository.
func (p *program) infra() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "infra",
		Short: "Start an infrastructure repository, and apply what it says",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exit.BadInputf("unknown command %q: hyaction infra --help lists the commands", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.infraInit(), p.infraApply())
	return cmd
}

func (p *program) infraInit() *cobra.Command {
	var git bool
	var branch string
	cmd := p.command("init DIR", "Write the infrastructure repository to start from into a new or empty directory",
		func(ctx context.Context, rt *Runtime, args []string) error {
			if err := gitrepo.ValidateBranch(branch); err != nil { // before anything is written
				return err
			}
			written, err := infratemplate.Write(args[0])
			if err != nil {
				return err
			}
			made := false
			if git {
				author, _ := spec.BumpImage.Input("author")
				made, err = gitrepo.Init(ctx, run.Exec{Environ: rt.Environ()}, args[0], branch, author.Default, "Start the infrastructure repository")
				if err != nil {
					return err
				}
			}
			switch {
			case written:
				rt.Progress("created " + args[0])
			case made:
				rt.Progress("made a Git repository of " + args[0])
			default:
				rt.Progress("unchanged: " + args[0] + " holds it already")
			}
			return nil
		})
	cmd.Flags().BoolVar(&git, "git", false, "make it a Git repository with a first commit")
	cmd.Flags().StringVar(&branch, "branch", "main", "branch of that commit")
	return cmd
}

func (p *program) infraApply() *cobra.Command {
	var kubeconfig, root string
	var force bool
	cmd := p.command("apply DIR", "Render the kustomization in a directory and apply it to the cluster, server-side",
		func(ctx context.Context, rt *Runtime, args []string) error {
			if kubeconfig == "" {
				kubeconfig = rt.Getenv("KUBECONFIG")
			}
			if kubeconfig == "" {
				return exit.BadInputf("no cluster is named: give --kubeconfig, or set KUBECONFIG to one file")
			}
			top, dir, err := splitRoot(root, args[0])
			if err != nil {
				return err
			}
			tree, err := os.OpenRoot(top)
			if err != nil {
				return err
			}
			defer tree.Close()
			objects, err := kustomize.Render(tree, dir)
			if err != nil {
				return err
			}
			cfg, err := apply.Load(kubeconfig)
			if err != nil {
				return err
			}
			client, err := apply.New(cfg, apply.Options{Force: force})
			if err != nil {
				return err
			}
			changes, err := client.Apply(ctx, objects)
			for _, c := range changes {
				rt.Progress(fmt.Sprintf("%s %s", c.Object, c.Action))
			}
			return err
		})
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig of the cluster (default $KUBECONFIG)")
	cmd.Flags().StringVar(&root, "root", "", "top of the repository, above which no base may lie (default: the Git repository around DIR)")
	cmd.Flags().BoolVar(&force, "force-conflicts", false, "take fields over from other managers")
	return cmd
}

// splitRoot finds the top of the repository around a directory, and the path from
// there to it. Without a Git repository around it the working directory counts, or
// the directory itself if it lies elsewhere.
func splitRoot(root, dir string) (top, rel string, err error) {
	real, err := realDir(dir)
	if err != nil {
		return "", "", exit.BadInputf("directory %q does not exist, or is none", dir)
	}
	if root != "" {
		if top, err = realDir(root); err != nil {
			return "", "", exit.BadInputf("root %q does not exist, or is no directory", root)
		}
	} else {
		top = enclosingRepository(real)
	}
	rel, err = filepath.Rel(top, real)
	if root == "" && err == nil && !filepath.IsLocal(rel) {
		top, rel = real, "."
	}
	if err != nil || !filepath.IsLocal(rel) {
		return "", "", exit.BadInputf("directory %q does not lie under the root %q", dir, root)
	}
	return top, filepath.ToSlash(rel), nil
}

func realDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", err
	}
	if info, err := os.Stat(abs); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory", abs)
	}
	return abs, nil
}

// enclosingRepository is the nearest directory at or above dir that Git knows, else
// the working directory.
func enclosingRepository(dir string) string {
	for up := dir; ; up = filepath.Dir(up) {
		if _, err := os.Lstat(filepath.Join(up, ".git")); err == nil {
			return up
		}
		if up == filepath.Dir(up) {
			break
		}
	}
	here, err := realDir(".")
	if err != nil {
		return dir
	}
	return here
}
