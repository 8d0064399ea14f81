package servers

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Password is that of every user of every server here.
const Password = "pa$$ word"

// Of a PostgreSQL: the user app logs in by SCRAM, old by MD5, clear by a password
// in clear text, and trusty without one. There are the databases app and secure;
// the latter takes no connection without TLS.
const hba = `
hostnossl secure all    127.0.0.1/32 reject
host      all    trusty 127.0.0.1/32 trust
host      all    clear  127.0.0.1/32 password
host      all    old    127.0.0.1/32 md5
host      all    all    127.0.0.1/32 scram-sha-256
`

var accounts = []string{
	`CREATE ROLE app LOGIN PASSWORD '` + Password + `'`,
	`CREATE ROLE clear LOGIN PASSWORD '` + Password + `'`,
	`CREATE ROLE trusty LOGIN`,
	`SET password_encryption = 'md5'`,
	`CREATE ROLE old LOGIN PASSWORD '` + Password + `'`,
	`CREATE DATABASE app`,
	`CREATE DATABASE secure`,
}

// nobody is the user that a server runs as which refuses root.
const nobody = 65534

// Postgres starts a PostgreSQL and returns its port; without an identity it speaks
// no TLS.
func Postgres(t testing.TB, id *Identity) int {
	t.Helper()
	programs := filepath.Dir(need(t, "PostgreSQL (Debian package postgresql)", "/usr/lib/postgresql/*/bin/postgres"))
	dir := dir(t)
	data, port := filepath.Join(dir, "data"), Port(t)
	secret := write(t, filepath.Join(dir, "password"), []byte(Password))
	args := []string{"-D", data, "-p", strconv.Itoa(port)}
	set := func(name, value string) { args = append(args, "-c", name+"="+value) }
	set("listen_addresses", Host)
	set("unix_socket_directories", "")
	set("hba_file", write(t, filepath.Join(dir, "hba"), []byte(hba)))
	set("fsync", "off")
	if id != nil {
		cert, key, _ := id.files(t, dir)
		set("ssl", "on")
		set("ssl_cert_file", cert)
		set("ssl_key_file", key)
	}
	give(t, dir)
	initdb := unprivileged(exec.CommandContext(t.Context(), filepath.Join(programs, "initdb"),
		"-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"), dir)
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	start(t, port, unprivileged(exec.Command(filepath.Join(programs, "postgres"), args...), dir))
	fill(t, port)
	return port
}

// fill makes the accounts, once the server says that it has started.
func fill(t testing.TB, port int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	config, err := pgconn.ParseConfig(fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres sslmode=disable", Host, port))
	if err != nil {
		t.Fatal(err)
	}
	config.Password = Password
	c, err := pgconn.ConnectConfig(ctx, config)
	for err != nil && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond) // it listens before it has started
		c, err = pgconn.ConnectConfig(ctx, config)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, sql := range accounts {
		if err := c.Exec(ctx, sql).Close(); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// give hands a directory to the unprivileged user, if this one is root.
func give(t testing.TB, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func unprivileged(cmd *exec.Cmd, dir string) *exec.Cmd {
	cmd.Dir, cmd.Env = dir, []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + dir}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}
