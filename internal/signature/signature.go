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
	knows    map[string]bool
}

// Open finds out whether signing can work, so that nothing is built that could not be
// signed. What is missing is bad input.
func Open(ctx context.Context, o Options) (*Signer, error) {
	if o.Key != "" && !strings.Contains(o.Key, "-----BEGIN") && !strings.Contains(o.Key, "://") {
		return nil, exit.BadInputf("input sign-key is neither a private key as cosign generate-key-pair writes it nor the URI of one in a KMS, such as awskms://...")
	}
	s := &Signer{o: o, knows: map[string]bool{}}
	for _, command := range []string{"sign", "verify"} {
		res, err := o.Runner.Run(ctx, run.Cmd{Name: "cosign", Args: []string{command, "--help"}})
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, exit.BadInputf("input sign needs the cosign command (%v): put sigstore/cosign-installer before this step", err)
		}
		for _, flag := range []string{"--use-signing-config", "--trusted-root"} {
			s.knows[command+flag] = strings.Contains(res.Stdout, flag)
		}
	}
	if o.Key != "" {
		return s, nil
	}
	var err error
	s.identity, err = o.Token.identity(ctx)
	return s, err
}

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
	args := []string{"sign", "--yes"}
	if s.o.Key != "" {
		args = append(args, "--key="+s.key())
		if !s.o.Log {
			args = append(args, "--tlog-upload=false")
			// Since cosign 3 the log is chosen by a file that it fetches.
			if s.knows["sign--use-signing-config"] {
				args = append(args, "--use-signing-config=false")
			}
		}
	}
	if err := s.cosign(ctx, env, append(args, "--", ref)); err != nil {
		return fmt.Errorf("sign %s: %w", ref, err)
	}
	return nil
}

// Verify checks that what a reference by digest names is signed by this signer.
func (s *Signer) Verify(ctx context.Context, ref string, env ...string) error {
	dir, err := os.MkdirTemp("", "hyaction-verify-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	args, err := s.trust(ctx, dir)
	if err == nil {
		err = s.cosign(ctx, env, slices.Concat([]string{"verify"}, args, []string{"--", ref}))
	}
	if err != nil {
		return fmt.Errorf("verify the signature of %s: %w", ref, err)
	}
	return nil
}

// noRoot is a set of authorities without any: a signature by a key that no log has
// noted needs none, and cosign 3 would fetch them from the Internet.
const noRoot = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`

// trust is by what a signature is judged.
func (s *Signer) trust(ctx context.Context, dir string) ([]string, error) {
	if s.o.Key == "" {
		return []string{"--certificate-oidc-issuer=" + s.identity.issuer, "--certificate-identity=" + s.identity.subject}, nil
	}
	res, err := s.run(ctx, nil, []string{"public-key", "--key=" + s.key()})
	if err != nil {
		return nil, err
	}
	key, root := filepath.Join(dir, "cosign.pub"), filepath.Join(dir, "root.json")
	if err := os.WriteFile(key, []byte(res.Stdout), 0o600); err != nil {
		return nil, err
	}
	args := []string{"--key=" + key}
	if s.o.Log {
		return args, nil
	}
	if s.knows["verify--trusted-root"] {
		if err := os.WriteFile(root, []byte(noRoot), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--trusted-root="+root)
	}
	return append(args, "--insecure-ignore-tlog=true"), nil
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
