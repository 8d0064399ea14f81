package builder

import (
	"context"
	"fmt"

	"github.com/buenhyden/hy-home/internal/pattern"
	"github.com/buenhyden/hy-home/internal/run"
)

// pushed is the line with which "docker push" ends. This digest, and no other
// that the engine knows, is the one a cluster can pull by.
var pushed = pattern.New(`(?m)^\S+: digest: (sha256:[0-9a-f]{64}) size: \d+\s*$`)

func (b *build) push(ctx context.Context, ref string) (string, error) {
	b.say("pushing " + ref)
	said, err := b.run(ctx, "push "+ref, run.Cmd{Name: b.tool.CLI, Args: []string{"push", "--", ref}}, "")
	if err != nil {
		return "", err
	}
	m := pushed.FindStringSubmatch(said)
	if m == nil {
		return "", fmt.Errorf("push %s: docker names no digest of the pushed image", ref)
	}
	return m[1], nil
}
