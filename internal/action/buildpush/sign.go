package buildpush

import (
	"context"

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
// checks the signature as a cluster would. An image that was there may be signed already.
func (j *job) sign(ctx context.Context) (string, error) {
	ref := j.repo.Digest(j.res.Digest)
	var env []string
	if !j.o.Credentials.IsZero() {
		config, remove, err := j.login().Config(ctx, j.o.ConfigDir)
		if err != nil {
			return "", err
		}
		defer remove()
		env = config
	}
	if j.reuses() && j.signer.Verify(ctx, ref, env...) == nil {
		j.res.SignedBy = j.signer.Who()
		return "signed already by " + j.res.SignedBy, nil
	}
	j.o.Progress("signing " + ref)
	if err := j.signer.Sign(ctx, ref, env...); err != nil {
		return "", err
	}
	if err := j.signer.Verify(ctx, ref, env...); err != nil {
		return "", err
	}
	j.res.SignedBy = j.signer.Who()
	return "by " + j.res.SignedBy, nil
}
