package buildpush

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/signature"
)

// findSigner finds out before anything is built whether it can be signed.
func (j *job) findSigner(ctx context.Context) (_ string, err error) {
	o := *j.o.Sign
	o.Runner, o.Out = j.o.Runner, j.o.BuildLog
	if j.signer, err = signature.Open(ctx, o); err != nil {
		return "", err
	}
	return j.signer.Who(), nil
}

// sign signs the digest, which cannot come to name anything else as a tag can, and
// checks the signature as a cluster would.
func (j *job) sign(ctx context.Context) (string, error) {
	ref := j.repo.Digest(j.res.Digest)
	j.o.Progress("signing " + ref)
	var env []string
	if !j.o.Credentials.IsZero() {
		private, err := os.MkdirTemp("", "hyaction-sign-")
		if err != nil {
			return "", err
		}
		defer func() { _ = os.RemoveAll(private) }()
		login := builder.Login{Host: j.repo.Host(), Username: j.o.Credentials.Username, Password: j.o.Credentials.Password}
		dir := filepath.Join(private, "docker")
		if err := builder.WriteConfig(dir, j.o.ConfigDir, login); err != nil {
			return "", fmt.Errorf("write a Docker configuration for %s: %w", login.Host, err)
		}
		env = append(env, "DOCKER_CONFIG="+dir)
	}
	if err := j.signer.Sign(ctx, ref, env...); err != nil {
		return "", err
	}
	if err := j.signer.Verify(ctx, ref, env...); err != nil {
		return "", err
	}
	j.res.SignedBy = j.signer.Who()
	return "by " + j.res.SignedBy, nil
}
