// Package signature signs images by their digest with the cosign command, and checks
// what was signed. With a key nothing outside is asked but the registry, unless the
// signature shall be noted in the public log; without one, the identity of the job
// signs, and the log is what makes that worth anything.
//
// The command is used and not sigstore's library: that brings 250 modules, most of
// them clients of clouds that keep keys.
package signature

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// Options say who signs.
type Options struct {
	Key      string // private key as cosign writes it (PEM), or the URI of one in a KMS; "" signs with the identity of the job
	Password string // of a key in PEM
	Log      bool   // note the signature in the public transparency log; without a key it always is
	Token    Token  // of the job; needed without a key

	Runner run.Runner
	Out    io.Writer // what cosign prints, foreign text; nil drops it
}

// Signer signs and checks signatures.
type Signer struct {
	o        Options
	identity identity // without a key
	bundles  bool     // cosign 3: it writes bundles, and fetches who is trusted if it is not told
}

// Open finds out whether signing can work, so that nothing is built that could not be
// signed. What is missing is bad input.
func Open(ctx context.Context, o Options) (*Signer, error) {
	if o.Key != "" && !strings.Contains(o.Key, "-----BEGIN") && !strings.Contains(o.Key, "://") {
		return nil, exit.BadInputf("input sign-key is neither a private key as cosign generate-key-pair writes it nor the URI of one in a KMS, such as awskms://...")
	}
	res, err := o.Runner.Run(ctx, run.Cmd{Name: "cosign", Args: []string{"sign", "--help"}})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, exit.BadInputf("input sign needs the cosign command (%v): put sigstore/cosign-installer before this step", err)
	}
	s := &Signer{o: o, bundles: bundles.MatchString(res.Stdout)}
	if o.Key != "" {
		return s, nil
	}
	s.identity, err = o.Token.identity(ctx)
	return s, err
}

// bundles is the line of the help by which cosign 3 is told from 2, which has false for
// a default. What the command says of its version is no number where it was built from
// source.
var bundles = regexp.MustCompile(`(?m)^\s*--new-bundle-format=true:`)

// Who is what signs, for people.
func (s *Signer) Who() string {
	switch {
	case s.o.Key == "":
		return s.identity.subject
	case s.held():
		return s.o.Key
	}
	return "the key"
}

// held reports whether a KMS holds the key: its URI is no secret.
func (s *Signer) held() bool { return !strings.Contains(s.o.Key, "-----BEGIN") }

// Sign signs what a reference by digest names. The environment is cosign's, such as a
// DOCKER_CONFIG with the login to the registry.
func (s *Signer) Sign(ctx context.Context, ref string, env ...string) error {
	return with(func(dir string) error {
		args := []string{"sign", "--yes"}
		if s.o.Key != "" {
			args = append(args, "--key="+s.key())
		}
		switch {
		case s.o.Key == "" || s.o.Log:
		case !s.bundles:
			args = append(args, "--tlog-upload=false")
		default:
			services, err := write(dir, "services.json", noServices)
			if err != nil {
				return err
			}
			root, err := write(dir, "root.json", noRoot)
			if err != nil {
				return err
			}
			args = append(args, "--signing-config="+services, "--trusted-root="+root)
		}
		if err := s.cosign(ctx, env, append(args, "--", ref)); err != nil {
			return fmt.Errorf("sign %s: %w", ref, err)
		}
		return nil
	})
}

// Verify checks that what a reference by digest names is signed by this signer.
func (s *Signer) Verify(ctx context.Context, ref string, env ...string) error {
	return with(func(dir string) error {
		args, err := s.trust(ctx, dir)
		if err == nil {
			err = s.cosign(ctx, env, slices.Concat([]string{"verify"}, args, []string{"--", ref}))
		}
		if err != nil {
			return fmt.Errorf("verify the signature of %s: %w", ref, err)
		}
		return nil
	})
}

// What cosign 3 would fetch from the Internet and what a signature by a key that no log
// notes does not need: services to sign with, and authorities to trust.
const (
	noServices = `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}`
	noRoot     = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`
)

// trust is by what a signature is judged.
func (s *Signer) trust(ctx context.Context, dir string) ([]string, error) {
	if s.o.Key == "" {
		return []string{"--certificate-oidc-issuer=" + s.identity.issuer, "--certificate-identity=" + s.identity.subject}, nil
	}
	res, err := s.run(ctx, nil, []string{"public-key", "--key=" + s.key()})
	if err != nil {
		return nil, err
	}
	key, err := write(dir, "cosign.pub", res.Stdout)
	if err != nil {
		return nil, err
	}
	args := []string{"--key=" + key}
	if s.o.Log {
		return args, nil
	}
	if s.bundles {
		root, err := write(dir, "root.json", noRoot)
		if err != nil {
			return nil, err
		}
		args = append(args, "--trusted-root="+root)
	}
	return append(args, "--insecure-ignore-tlog=true"), nil
}

// with gives what cosign reads from files a directory for as long as it runs.
func with(do func(dir string) error) error {
	dir, err := os.MkdirTemp("", "hyaction-cosign-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return do(dir)
}

func write(dir, name, text string) (string, error) {
	file := filepath.Join(dir, name)
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// key is how cosign is told of the key. A secret one goes through the environment:
// argument lists are public.
func (s *Signer) key() string {
	if s.held() {
		return s.o.Key
	}
	return "env://" + keyVariable
}

const keyVariable = "COSIGN_PRIVATE_KEY"

func (s *Signer) cosign(ctx context.Context, env, args []string) error {
	res, err := s.run(ctx, env, args)
	if s.o.Out != nil {
		_, _ = io.WriteString(s.o.Out, res.Stderr)
	}
	return err
}

func (s *Signer) run(ctx context.Context, env, args []string) (run.Result, error) {
	if s.o.Key != "" && !s.held() {
		env = append(slices.Clip(env), keyVariable+"="+s.o.Key, "COSIGN_PASSWORD="+s.o.Password)
	}
	res, err := s.o.Runner.Run(ctx, run.Cmd{Name: "cosign", Args: args, Env: env})
	switch {
	case ctx.Err() != nil:
		return res, context.Cause(ctx)
	case err != nil:
		if cause := causeLine(res.Stderr); cause != "" {
			return res, fmt.Errorf("cosign %s: %s", args[0], cause)
		}
	}
	return res, err
}

// causeLine is the line that starts with "Error: ", as cosign ends.
func causeLine(stderr string) string {
	for line := range strings.Lines(stderr) {
		if cause, ok := strings.CutPrefix(line, "Error: "); ok {
			return strings.TrimSpace(cause)
		}
	}
	return ""
}
