package registry

import (
	"context"
	"fmt"
)

// Attested is an image for one platform, and what is attested of it.
type Attested struct {
	Platform string // "linux/arm64/v8"
	Digest   string // of the manifest for it
	// Predicates are the types of what BuildKit attests of it, such as
	// "https://spdx.dev/Document".
	Predicates []string
}

// How BuildKit ties an attestation to its image, and says what it is of.
const (
	attests   = "vnd.docker.reference.digest"
	predicate = "in-toto.io/predicate-type"
)

// Attestations asks what is attested of each image that a tag or digest of the
// repository holds; [ErrNotFound] when it holds nothing.
func (c Client) Attestations(ctx context.Context, r Repository, tagOrDigest string) ([]Attested, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer within %s", answerTimeout))
	defer cancel()
	desc, err := c.get(ctx, r.reference(tagOrDigest))
	if err != nil {
		return nil, c.fault(ctx, "ask registry %s for %s", r, tagOrDigest, err)
	}
	all, err := members(desc)
	if err != nil {
		return nil, c.fault(ctx, "read from registry %s image %s", r, tagOrDigest, err)
	}
	var out []Attested
	attested := map[string][]string{} // by the digest of the image
	for _, m := range all {
		if !m.attestation() {
			out = append(out, Attested{Platform: m.Platform.String(), Digest: m.Digest.String()})
			continue
		}
		image, err := m.open()
		if err != nil {
			return nil, c.fault(ctx, "read from registry %s the attestation %s", r, m.Digest.String(), err)
		}
		manifest, err := image.Manifest()
		if err != nil {
			return nil, c.fault(ctx, "read from registry %s the attestation %s", r, m.Digest.String(), err)
		}
		of := m.Annotations[attests]
		for _, l := range manifest.Layers {
			attested[of] = append(attested[of], l.Annotations[predicate])
		}
	}
	for i, p := range out {
		out[i].Predicates = attested[p.Digest]
	}
	return out, nil
}
