package services

import (
	"context"
	_ "embed"
	"path/filepath"

	"github.com/buenhyden/hy-home/testbed/internal/artifact"
	"github.com/buenhyden/hy-home/testbed/internal/debian"
	"github.com/buenhyden/hy-home/testbed/internal/image"
)

// The names of the data tier's images: those that the catalog asks for. What is in
// them is older where Debian's is, and Spilo's is a stand-in: Patroni, PostgreSQL
// and an entrypoint that reads the variables which the catalog sets.
const (
	Spilo            = "ghcr.io/zalando/spilo-17:4.0-p3"               // Patroni 4.0.7, PostgreSQL 17
	Etcd             = "quay.io/coreos/etcd:v3.6.5"                    // 3.6.4, with the etcdctl of 3.5
	HAProxy          = "haproxy:3.2.22"                                // 3.0
	PostgresExporter = "prometheuscommunity/postgres-exporter:v0.20.1" // 0.17.1
	RedisExporter    = "oliver006/redis_exporter:v1.88.0"              // itself
	Valkey           = "valkey/valkey:9.1.0"                           // 8.1.1
)

// DataPackages are the packages of the data tier's small images. base-files brings
// the links of a merged /usr, which nothing that is only unpacked asks for.
func DataPackages() []string {
	return []string{"base-files", "bash", "busybox", "etcd-client", "haproxy", "prometheus-postgres-exporter", "valkey-server", "valkey-tools"}
}

// SpiloPackages are those of the stand-in for Spilo, which is a whole Debian: Patroni
// is Python.
func SpiloPackages() []string {
	return []string{"patroni", "python3-etcd", "postgresql-17", "etcd-server", "curl", "openssl"}
}

// DataInputs are what the data tier's images are made from.
type DataInputs struct {
	Debian        *artifact.Artifact // a root with [DataPackages]
	Spilo         *artifact.Artifact // a root with [SpiloPackages]
	Kubernetes    *artifact.Artifact // the part whose one program is etcd too
	RedisExporter *artifact.Artifact // the part
}

// Data are the images of the data tier, by name.
func Data(in DataInputs) map[string]*artifact.Artifact {
	return map[string]*artifact.Artifact{
		Spilo: spilo(in.Spilo),
		Etcd:  etcd(in.Debian, in.Kubernetes),
		HAProxy: fromDebian("image-haproxy", in.Debian, image.Image{Names: []string{HAProxy}, Config: image.Config{
			User: "99", StopSignal: "SIGUSR1", WorkingDir: "/var/lib/haproxy",
			Cmd: []string{"haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"},
		}}, func(t *debian.Tree, l *image.Layer) error {
			l.Dir("/var/lib/haproxy", 0o777)
			return t.Install(l, "/usr/sbin/haproxy", "/bin/bash")
		}),
		PostgresExporter: fromDebian("image-postgres-exporter", in.Debian, image.Image{Names: []string{PostgresExporter}, Config: image.Config{
			User: "65534", Entrypoint: []string{"/bin/postgres_exporter"},
		}}, func(t *debian.Tree, l *image.Layer) error {
			l.Link("/bin/postgres_exporter", "/usr/bin/prometheus-postgres-exporter")
			return t.Install(l, "/usr/bin/prometheus-postgres-exporter")
		}),
		RedisExporter: redisExporter(in.RedisExporter),
		Valkey: fromDebian("image-valkey", in.Debian, image.Image{Names: []string{Valkey}, Config: image.Config{
			Cmd: []string{"valkey-server"}, WorkingDir: "/data",
		}}, func(t *debian.Tree, l *image.Layer) error {
			l.Dir("/data", 0o777)
			l.Link("/usr/bin/redis-cli", "valkey-cli") // as upstream's image has it
			return t.Install(l, "/usr/bin/valkey-server", "/usr/bin/valkey-cli")
		}),
	}
}

var (
	//go:embed spilo/launch.sh
	spiloLaunch []byte
	//go:embed spilo/configure.py
	spiloConfigure []byte
)

func spilo(root *artifact.Artifact) *artifact.Artifact {
	i := image.Image{Names: []string{Spilo}, Config: image.Config{
		WorkingDir: "/home/postgres", Cmd: []string{"/bin/sh", "/launch.sh", "init"},
	}}
	a := fromRoot("image-spilo", i, func(t *debian.Tree, l *image.Layer, _ func(*artifact.Artifact) string) error {
		if err := whole(t, l, "/var/lib/postgresql/17/"); err != nil { // what Debian made of its own
			return err
		}
		l.Bytes("/launch.sh", 0o755, spiloLaunch)
		l.Bytes("/scripts/configure.py", 0o644, spiloConfigure)
		l.Dir("/home/postgres/pgdata", 0o755)
		return nil
	}, root)
	var r artifact.Recipe
	a.Recipe = r.Words(a.Recipe, string(spiloLaunch), string(spiloConfigure)).String()
	return a
}

// etcd has no shell, as upstream's has none.
func etcd(root, kubernetes *artifact.Artifact) *artifact.Artifact {
	i := image.Image{Names: []string{Etcd}, Config: image.Config{Cmd: []string{"etcd"}}}
	return fromRoot("image-etcd", i, func(t *debian.Tree, l *image.Layer, path func(*artifact.Artifact) string) error {
		l.Dir("/tmp", 0o1777)
		l.Copy("/usr/local/bin/etcd", 0o755, filepath.Join(path(kubernetes), "hyperkube"))
		return t.Install(l, "/usr/bin/etcdctl")
	}, root, kubernetes)
}

// redisExporter has nothing but the program, as upstream's.
func redisExporter(part *artifact.Artifact) *artifact.Artifact {
	i := image.Image{Names: []string{RedisExporter}, Config: image.Config{User: "59000:59000", Entrypoint: []string{"/redis_exporter"}}}
	a := &artifact.Artifact{Name: "image-redis-exporter", Inputs: []*artifact.Artifact{part}, Recipe: recipe(i)}
	a.Make = func(_ context.Context, dir string, path func(*artifact.Artifact) string, progress func(string)) error {
		progress("writing the image")
		return save(dir, a.Key(), i, func(l *image.Layer) error {
			l.Copy("/redis_exporter", 0o755, filepath.Join(path(part), "redis_exporter"))
			return nil
		})
	}
	return a
}
