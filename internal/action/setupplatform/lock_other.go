//go:build !unix

package setupplatform

import (
	"os"
	"runtime"

	"github.com/buenhyden/hy-home/internal/exit"
)

// tryLock refuses: where there is no flock there is no platform either.
func tryLock(*os.File) (bool, error) {
	return false, exit.BadInputf("a platform cannot be set up on %s: use Linux or macOS", runtime.GOOS)
}
