//go:build unix

package machine

import (
	"syscall"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// free is what an ordinary user may still write on dir's file system.
func free(dir string) catalog.Bytes {
	var st syscall.Statfs_t
	if dir == "" || syscall.Statfs(dir, &st) != nil {
		return 0
	}
	return catalog.Bytes(int64(st.Bavail) * int64(st.Bsize)) //nolint:unconvert // the types differ between systems
}
