package app

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

// The first is how client-go's informers and streams report, the second how its
// websockets do, the third how older code does.
func TestQuiet_NothingOfClientGoIsPrinted(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = stderr }()
	err = errors.New("use of closed network connection")
	runtime.HandleErrorWithContext(t.Context(), err, "Copying stdout failed")
	klog.Background().Error(err, "Websocket Ping failed")
	klog.Warningf("Websocket Ping failed: %v", err)
	klog.Flush()
	if printed, err := os.ReadFile(file.Name()); err != nil || len(printed) > 0 {
		t.Errorf("printed %q (%v)", printed, err)
	}
}
