package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/driver/helm"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/registry"
)

// lock is the commands around the lock of the platform's charts and images.
func (p *program) lock() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "Keep the digests of the platform's charts and images",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exit.BadInputf("unknown command %q: hyaction lock --help lists the commands", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.lockUpdate())
	return cmd
}

func (p *program) lockUpdate() *cobra.Command {
	var file, mirror string
	var check bool
	cmd := p.command("update", "Write the lock anew from the catalog and the registries in reach, and show what differs",
		func(ctx context.Context, rt *Runtime, _ []string) error {
			old, err := readLock(file)
			if err != nil {
				return err
			}
			cat, err := catalog.Embedded()
			if err != nil {
				return err
			}
			updated, kept, err := lock.Update(cat, old, lock.Sources{Image: askRegistries(ctx, mirror), Chart: askRepositories(ctx)})
			if err != nil {
				return fmt.Errorf("update the lock: %w", err)
			}
			if len(kept) > 0 {
				rt.Warning("their registries are not in reach, so these stay as they were: " + strings.Join(kept, ", "))
			}
			changes := lock.Diff(old, updated)
			if err := p.gha.Text(changeTable(changes)); err != nil {
				return err
			}
			switch {
			case len(changes) == 0:
				rt.Progress("unchanged: " + file)
				return nil
			case check:
				return exit.Refusedf("%s is stale in %d places: run hyaction lock update", file, len(changes))
			}
			return writeLock(file, updated)
		})
	cmd.Flags().StringVar(&file, "file", "platform.lock", "the lock file; where there is none, the lock inside hyaction is the start")
	cmd.Flags().StringVar(&mirror, "registry-mirror", "", "URL of a registry that is asked before each image's own")
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit code 3 if the lock is stale")
	return cmd
}

// askRegistries describes images. A host that did not answer once is not asked
// again: each silence costs seconds, and there may be sixty images.
func askRegistries(ctx context.Context, mirror string) func(string) (lock.Image, error) {
	silent := map[string]bool{}
	var ask func(via, ref string) (lock.Image, error)
	ask = func(via, ref string) (lock.Image, error) {
		host, _, _ := strings.Cut(ref, "/")
		if via != "" {
			host = via
		}
		err := registry.ErrUnreachable
		var d registry.Described
		if !silent[host] {
			d, err = registry.Images{Via: via}.Describe(ctx, ref)
		}
		switch {
		case err == nil:
			return lock.Image{Ref: ref, Digest: d.Digest, Size: d.Size}, nil
		case ctx.Err() != nil:
			return lock.Image{}, ctx.Err()
		case via != "" && (errors.Is(err, registry.ErrNotFound) || errors.Is(err, registry.ErrUnreachable)):
			silent[host] = errors.Is(err, registry.ErrUnreachable)
			return ask("", ref)
		case errors.Is(err, registry.ErrUnreachable):
			silent[host] = true
			return lock.Image{}, fmt.Errorf("%s: %w", ref, lock.ErrUnreachable)
		}
		return lock.Image{}, err
	}
	return func(ref string) (lock.Image, error) { return ask(mirror, ref) }
}

// askRepositories has charts fetched. One that does not answer passes by the next
// update; one that does not have the chart is the catalog's mistake.
func askRepositories(ctx context.Context) func(lock.Chart) (string, error) {
	return func(c lock.Chart) (string, error) {
		digest, err := helm.Digest(ctx, c)
		if engine.IsTransient(err) {
			return "", fmt.Errorf("%w: %w", lock.ErrUnreachable, err)
		}
		return digest, err
	}
}

// readLock reads a lock file; where there is none, the embedded lock.
func readLock(file string) (lock.Lock, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return lock.Embedded()
	}
	if err != nil {
		return lock.Lock{}, exit.BadInputf("lock file %s cannot be read: %w", file, errors.Unwrap(err))
	}
	l, err := lock.Parse(text)
	if err != nil {
		return l, exit.BadInputf("lock file %s: %w", file, err)
	}
	return l, nil
}

// chosenLock is the lock that the input lock-file stands for.
func chosenLock(file string) (lock.Lock, error) {
	switch file {
	case "":
		return lock.Embedded()
	case "off":
		return lock.Lock{}, nil
	}
	if _, err := os.Stat(file); err != nil {
		return lock.Lock{}, exit.BadInputf("lock-file %q cannot be read: give the path of a lock (hyaction lock update writes one), or off", file)
	}
	return readLock(file)
}

// writeLock replaces the file in one step.
func writeLock(file string, l lock.Lock) error {
	text, err := l.Text()
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".platform.lock-")
	if err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	defer os.Remove(tmp.Name()) // renamed away when all went well
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	return os.Rename(tmp.Name(), file)
}

func changeTable(changes []lock.Change) string {
	if len(changes) == 0 {
		return ""
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tNAME\tLOCKED\tNOW")
	for _, c := range changes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.What, c.Name, cmp.Or(c.From, "-"), cmp.Or(c.To, "-"))
	}
	_ = w.Flush() // a strings.Builder never fails
	return b.String()
}
