//go:build unix

package disk

import "syscall"

// Room is what an ordinary user may still write to the file system of a directory,
// and how large it is, in bytes. Zeros: it cannot be looked at.
func Room(dir string) (free, total int64) {
	var st syscall.Statfs_t
	if dir == "" || syscall.Statfs(dir, &st) != nil {
		return 0, 0
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize) //nolint:unconvert // the types differ between systems
}
