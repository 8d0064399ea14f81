package contentkey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"golang.org/x/sync/errgroup"
)

// images are the names of all images that the build reads: the bases of the stages
// that the target needs, what is copied or mounted from elsewhere, and the image
// that reads the Dockerfile itself.
func (in Inputs) images(text []byte, args map[string]string, wanted []string) ([]string, error) {
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("the Dockerfile cannot be read: %w", err)
	}
	stages, global, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil, fmt.Errorf("the Dockerfile cannot be read: %w", err)
	}
	var refs []string
	if syntax, ok := args["BUILDKIT_SYNTAX"]; ok {
		refs = append(refs, syntax)
	} else if syntax, _, _, ok := parser.DetectSyntax(text); ok {
		refs = append(refs, syntax)
	}
	for _, platform := range wanted {
		g := graph{stages: stages, byName: map[string]int{}, seen: map[int]bool{}}
		if err := g.name(global, in.defaults(platform), args, shell.NewLex(parsed.EscapeToken)); err != nil {
			return nil, err
		}
		target, err := g.target(in.Target)
		if err != nil {
			return nil, err
		}
		if err := g.visit(target); err != nil {
			return nil, err
		}
		refs = append(refs, g.refs...)
	}
	return sorted(refs), nil
}

// graph is the stages of a Dockerfile for one platform.
type graph struct {
	stages []instructions.Stage
	bases  []int          // of each stage: the stage it starts from, or -1
	names  []string       // of each stage: the image it starts from, with variables replaced
	byName map[string]int // in lower case
	seen   map[int]bool
	refs   []string
}

// defaults are the arguments that BuildKit itself gives to FROM.
func (in Inputs) defaults(platform string) map[string]string {
	env := map[string]string{"TARGETSTAGE": in.Target}
	if in.Target == "" {
		env["TARGETSTAGE"] = "default"
	}
	for prefix, text := range map[string]string{"TARGET": platform, "BUILD": in.BuildPlatform} {
		if p, err := platforms.Parse(text); err == nil {
			env[prefix+"PLATFORM"], env[prefix+"OS"], env[prefix+"ARCH"], env[prefix+"VARIANT"] = text, p.OS, p.Architecture, p.Variant
		}
	}
	return env
}

// name replaces the variables in the names of the images and finds the stages
// behind names.
func (g *graph) name(global []instructions.ArgCommand, env, args map[string]string, lex *shell.Lex) error {
	for name, value := range args {
		if _, ok := env[name]; ok {
			env[name] = value
		}
	}
	for _, declared := range global {
		for _, arg := range declared.Args {
			value, given := args[arg.Key]
			if !given && arg.Value != nil {
				expanded, _, err := lex.ProcessWord(*arg.Value, shell.EnvsFromSlice(pairs(env)))
				if err != nil {
					return fmt.Errorf("ARG %s cannot be read: %w", arg.Key, err)
				}
				value, given = expanded, true
			}
			if given {
				env[arg.Key] = value
			}
		}
	}
	for i, stage := range g.stages {
		name, _, err := lex.ProcessWord(stage.BaseName, shell.EnvsFromSlice(pairs(env)))
		if err != nil || name == "" {
			return fmt.Errorf("FROM %s names no image", stage.BaseName)
		}
		base, ok := g.byName[name]
		if !ok {
			base = -1
		}
		g.names, g.bases = append(g.names, name), append(g.bases, base)
		if stage.Name != "" {
			g.byName[strings.ToLower(stage.Name)] = i
		}
	}
	return nil
}

// ErrNoStage says that the target is none of the Dockerfile's stages.
var ErrNoStage = errors.New("no stage")

func (g *graph) target(name string) (int, error) {
	if name == "" {
		return len(g.stages) - 1, nil
	}
	if i, ok := g.byName[strings.ToLower(name)]; ok {
		return i, nil
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(g.stages) {
		return i, nil
	}
	return 0, fmt.Errorf("the Dockerfile has %w %s", ErrNoStage, name)
}

// visit follows everything that a stage needs.
func (g *graph) visit(i int) error {
	if g.seen[i] {
		return nil
	}
	g.seen[i] = true
	if g.bases[i] >= 0 {
		if err := g.visit(g.bases[i]); err != nil {
			return err
		}
	} else {
		g.image(g.names[i])
	}
	for _, c := range g.stages[i].Commands {
		var from []string
		switch c := c.(type) {
		case *instructions.CopyCommand:
			from = []string{c.From}
		case *instructions.AddCommand:
			if err := fetches(c); err != nil {
				return err
			}
		case *instructions.RunCommand:
			for _, m := range instructions.GetMounts(c) {
				from = append(from, m.From)
			}
		}
		for _, name := range from {
			if name == "" {
				continue
			}
			if stage, err := g.target(name); err == nil {
				if err := g.visit(stage); err != nil {
					return err
				}
				continue
			}
			g.image(name)
		}
	}
	return nil
}

func (g *graph) image(name string) {
	if name != "scratch" {
		g.refs = append(g.refs, name)
	}
}

// remote matches what ADD takes for an address, or may after its variables are
// replaced.
var remote = regexp.MustCompile(`^\$|://|^[\w.-]+@[\w.-]+:|^github\.com/`)

func fetches(c *instructions.AddCommand) error {
	for _, source := range c.SourcePaths {
		if c.Checksum == "" && remote.MatchString(source) {
			return fmt.Errorf("ADD %s fetches what may differ each time: give it a --checksum", source)
		}
	}
	return nil
}

// resolve asks for the digests of all images at once.
func (in Inputs) resolve(ctx context.Context, refs []string) ([]Base, error) {
	bases := make([]Base, len(refs))
	group, ctx := errgroup.WithContext(ctx)
	for i, ref := range refs {
		named, err := reference.ParseDockerRef(ref)
		if err != nil {
			return nil, fmt.Errorf("base image %s: %w", ref, err)
		}
		bases[i].Ref = reference.FamiliarString(named)
		if pinned, ok := named.(reference.Digested); ok {
			bases[i].Digest = pinned.Digest().String()
			continue
		}
		group.Go(func() error {
			digest, err := in.Digest(ctx, bases[i].Ref)
			if err != nil {
				return fmt.Errorf("base image %s: %w", ref, err)
			}
			bases[i].Digest = digest
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.CompactFunc(bases, func(a, b Base) bool { return a == b }), nil
}
