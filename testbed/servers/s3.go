package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// What an S3 server here knows: one pair of keys and one bucket.
const (
	AccessKey = "hyaction"
	SecretKey = "hyaction-secret-key"
	Bucket    = "loki"
)

// S3 starts an S3 server and returns its port; with an identity it speaks TLS.
func S3(t testing.TB, id *Identity) int {
	t.Helper()
	program := need(t, "the S3 server", filepath.Join(plaintest.BinDir(), "s3-server"))
	dir, port := dir(t), Port(t)
	root := filepath.Join(dir, "root")
	if err := os.MkdirAll(filepath.Join(root, Bucket), 0o700); err != nil {
		t.Fatal(err)
	}
	args := []string{"-listen", Host + ":" + strconv.Itoa(port), "-root", root}
	if id != nil {
		cert, key, _ := id.files(t, dir)
		args = append(args, "-cert", cert, "-key", key)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"ROOT_ACCESS_KEY=" + AccessKey, "ROOT_SECRET_KEY=" + SecretKey}
	cmd.Dir = dir
	start(t, port, cmd)
	return port
}
