package builder

import (
	"context"
	"fmt"
	"strings"

	"github.com/buenhyden/hy-home/internal/pattern"
	"github.com/buenhyden/hy-home/internal/run"
)

// fault makes one sentence of a failed command: what was done and the line that
// names the cause. The rest is in the log.
func fault(ctx context.Context, doing string, res run.Result, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	if cause := causeLine(res.Stdout + "\n" + res.Stderr); cause != "" {
		return fmt.Errorf("%s: %s", doing, cause)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// causes are how the builders start the line that says why, best first.
var causes = []*pattern.Regexp{
	pattern.New(`(?i)^(?:ERROR: )?(?:failed to build: )?(?:failed to receive status: )?(?:rpc error: code = \w+ desc = )?failed to solve[^:]*: (?:failed to create LLB definition: )?(.+)$`),
	pattern.New(`^#\d+ ERROR: (.+)$`),
	pattern.New(`^(The command '.+' returned a non-zero code: \d+)$`),
	pattern.New(`(?i)^(?:error|denied|unauthorized)[:,]? (.+)$`),
}

func causeLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	for _, re := range causes {
		for i := len(lines) - 1; i >= 0; i-- {
			if m := re.FindStringSubmatch(strings.TrimSpace(lines[i])); m != nil {
				return m[1]
			}
		}
	}
	return lastLine(output)
}
