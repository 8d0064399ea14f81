package machine

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestLook_SeesThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	m := Look(t.TempDir())
	if m.CPUs < 1 || m.Memory <= 0 || m.Disk <= 0 || m.Inotify <= 0 {
		t.Errorf("got %+v", m)
	}
	if port := l.Addr().(*net.TCPAddr).Port; !slices.Contains(m.Ports, port) {
		t.Errorf("port %d is in use and not in %v", port, m.Ports)
	}
}

func TestLook_UnknownIsZero(t *testing.T) {
	dir := t.TempDir()
	odd := filepath.Join(dir, "odd")
	if err := os.WriteFile(odd, []byte("MemAvailable: many kB\nx\n  0: 0100007F:ZZZZ 0 0A\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(dir, "none")
	if memory(none) != 0 || memory(odd) != 0 || free(none) != 0 || number(odd) != 0 || ports(none, odd) != nil {
		t.Error("what cannot be read must be unknown")
	}
}
