package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/services"
	"github.com/buenhyden/hy-home/testbed/servers"
)

// theirs is the password of what others run.
const theirs = "theirs"

// external gives a platform in the existing cluster data services that no driver of
// ours has started: a Redis, and a PostgreSQL that speaks TLS alone, as a managed one
// does. A pod speaks to both, and the platform's databases are made in the latter.
func (p *platform) external(t *testing.T, kubeconfig string) {
	p.command(t, "go", "run", "./testbed", "up", "data") // PostgreSQL is in one of its images
	redis, postgres, authority := p.strangerRedis(t), "stranger-postgres", servers.NewAuthority(t, "an authority of others")
	postgresAddress := p.strangerPostgres(t, postgres, authority.Issue(t, postgres))

	// As a user builds it from the Dockerfile, without the layers that need a registry.
	image := host.RegistryHost + "/library/hyaction:e2e"
	dir := t.TempDir()
	write := func(file, text string) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("Dockerfile", "FROM scratch\nCOPY hyaction /hyaction\n")
	p.command(t, "cp", filepath.Join(p.out, "bin", "hyaction"), dir)
	p.command(t, "docker", "build", "--quiet", "--tag", image, dir)
	p.command(t, "docker", "push", "--quiet", image)

	write("ca.pem", authority.PEM)
	endpoints := fmt.Sprintf("endpoints:\n- {name: redis, hosts: [%s]}\n", redis)
	for _, name := range []string{"postgres", "postgres-read"} {
		endpoints += fmt.Sprintf("- {name: %s, hosts: [%s], port: 5432, tls: true, ca-file: ca.pem, server-name: %s}\n", name, postgresAddress, postgres)
	}
	args := []string{
		"setup-platform", "--name", "guest-three", "--profile", "testbed", "--components", "+platform-databases",
		"--cluster", "existing", "--cluster-kubeconfig", kubeconfig, "--proof-image", "docker.io/library/hyaction:e2e",
		"--data", "external", "--data-endpoints", write("endpoints.yaml", endpoints),
	}
	secrets := "redis-password: " + theirs + "\n"
	args = append(args, "--data-secrets", write("secrets.yaml", secrets))
	out, err := exec.Command(filepath.Join(p.out, "bin", "hyaction"), args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "data-secrets has no postgres-password") {
		t.Errorf("without a password it ended with %v:\n%s", err, out)
	}
	write("secrets.yaml", secrets+"postgres-password: "+theirs+"\n")
	if out := p.hyaction(t, args...); !strings.Contains(out, redis) || !strings.Contains(out, postgresAddress) || strings.Contains(out, "redis-cluster-init") {
		t.Errorf("the proof does not tell of %s and %s:\n%s", redis, postgresAddress, out)
	}
	if out := p.hyaction(t, args...); !strings.Contains(out, "\nchanged=false\n") {
		t.Errorf("a second run changed something:\n%s", out)
	}
	owners := p.command(t, "docker", "exec", postgres, "psql", "-h", "/tmp", "-U", "postgres", "-Atc",
		"SELECT datname || ' of ' || pg_get_userbyid(datdba) FROM pg_database WHERE datname IN ('airflow', 'app', 'n8n') ORDER BY 1")
	if owners != "airflow of airflow\napp of app\nn8n of n8n\n" {
		t.Errorf("the databases are\n%s", owners)
	}
	p.hyaction(t, "platform", "status", "--name", "guest-three")
	p.hyaction(t, "platform", "down", "--name", "guest-three")
}

// stranger makes a container on the nodes' network, which a test's end takes away,
// and returns its address once it runs.
func (p *platform) stranger(t *testing.T, name string, copied map[string]string, args ...string) string {
	t.Helper()
	_ = exec.Command("docker", "rm", "--force", name).Run()
	p.command(t, "docker", append([]string{"create", "--name", name, "--network", "kind"}, args...)...)
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", name).Run() })
	for from, to := range copied {
		p.command(t, "docker", "cp", from, name+":"+to)
	}
	p.command(t, "docker", "start", name)
	return strings.TrimSpace(p.command(t, "docker", "inspect", "--format", "{{.NetworkSettings.Networks.kind.IPAddress}}", name))
}

func (p *platform) strangerRedis(t *testing.T) (address string) {
	t.Helper()
	const name = "stranger-redis"
	address = p.stranger(t, name, nil, services.Redis, "redis-server", "--cluster-enabled", "yes", "--requirepass", theirs, "--save", "")
	p.command(t, "docker", "exec", "--env", "REDISCLI_AUTH="+theirs, name, "redis-cli", "cluster", "addslotsrange", "0", "16383")
	return address
}

// strangerPostgres takes connections from elsewhere with TLS and a password only.
func (p *platform) strangerPostgres(t *testing.T, name string, id *servers.Identity) (address string) {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string][]byte{"tls.crt": id.Cert, "tls.key": id.Key, "password": []byte(theirs)} {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const script = `set -e
chown -R postgres /theirs
run="setpriv --reuid=postgres --regid=postgres --init-groups"
bin=/usr/lib/postgresql/17/bin
$run $bin/initdb -D /tmp/data -U postgres --pwfile=/theirs/password --auth-local=trust
echo 'hostssl all all all scram-sha-256' >/tmp/data/pg_hba.conf
echo 'local all all trust' >>/tmp/data/pg_hba.conf
exec $run $bin/postgres -D /tmp/data -k /tmp -c listen_addresses='*' -c ssl=on -c ssl_cert_file=/theirs/tls.crt -c ssl_key_file=/theirs/tls.key`
	return p.stranger(t, name, map[string]string{dir: "/theirs"}, services.Spilo, "sh", "-c", script)
}
