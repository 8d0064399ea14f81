package composefile

import (
	"strings"
	"testing"
)

func lintText(t *testing.T, text string) string {
	t.Helper()
	doc, err := Parse("c.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range append(Refused([]Doc{doc}), Lint([]Doc{doc}, func(name string) bool { return strings.HasPrefix(name, "U_") })...) {
		out = append(out, f.String())
	}
	return strings.Join(out, "\n")
}

func TestLint(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "services:\n  a:\n    image: b:1\n    command: echo $$U_X $(date) $? ${SET} ${U_Y:-z}\n", ""},
		{"version", "version: '3.9'\nservices: {}\n", "c.yml:1: version: means nothing to Compose any more: remove the line"},
		{"health check", "services:\n  a:\n    healthcheck:\n      test: [CMD-SHELL, \"pg_isready -U $U_NAME\"]\n",
			"c.yml:4: services.a.healthcheck.test: $U_NAME is not set, and Compose fills it in before the shell of the container sees it: write $$U_NAME to leave it to the shell"},
		{"command of an anchor, once", "x-a: &a\n  command: run ${U_PASSWORD}\nservices:\n  a: *a\n  b: {<<: *a}\n",
			"c.yml:2: x-a.command: ${U_PASSWORD} is not set, and Compose fills it in before the shell of the container sees it: write $${U_PASSWORD} to leave it to the shell"},
		{"missing, by name, once", "services:\n  a: {image: 'b:${U_TAG}'}\n  c: {image: 'd:${U_TAG}'}\n",
			"c.yml:2: services.a.image: variable U_TAG is not set and has no default, so nothing stands there: set it in the environment or in an env file, or write ${U_TAG:-default}"},
		{"a credential is generated", "services:\n  a: {environment: {P: '${U_PASSWORD}'}}\n", ""},
		{"refused", "services:\n  a:\n    command: echo ${#LIST}\n",
			"c.yml:3: services.a.command: Compose takes ${ for the start of a variable and does not understand \"${#LIST}\": write $${#LIST}"},
		{"host name", "services:\n  a:\n    environment: [\"URL=http://host.docker.internal:80\"]\n  b: {command: ping host.docker.internal, extra_hosts: ['host.docker.internal:host-gateway']}\n",
			"c.yml:3: services.a.environment: host.docker.internal exists on Docker Desktop only: use the other service's name, or add extra_hosts: [host.docker.internal:host-gateway]"},
	} {
		if got := lintText(t, tt.text); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

func TestJudge(t *testing.T) {
	doc, err := Parse("c.yml", []byte("services:\n  a:\n    image: x\n    environment:\n      - KAFKA_SERVER=k:9092\n"))
	if err != nil {
		t.Fatal(err)
	}
	fine := Service{Name: "a", Image: "docker.io/library/redis:7", Tagged: true}
	for _, tt := range []struct {
		name   string
		change func(*Service)
		want   string
	}{
		{"fine", func(*Service) {}, ""},
		{"untagged", func(s *Service) { s.Tagged = false }, "c.yml:3: service a: image docker.io/library/redis:7 has no fixed version"},
		{"latest", func(s *Service) { s.Image = "docker.io/library/redis:latest" }, "image docker.io/library/redis has no fixed version"},
		{"gone", func(s *Service) { s.Image = "docker.io/bitnami/redis:7" }, "c.yml:3: service a: image docker.io/bitnami/redis: Bitnami's versioned images left Docker Hub"},
		{"not gone", func(s *Service) { s.Image = "quay.io/minio/minio:R" }, ""},
		{"unknown setting", func(s *Service) { s.Image, s.Env = "docker.io/danielqsj/kafka-exporter:v1", []string{"KAFKA_SERVER"} }, "c.yml:5: service a: KAFKA_SERVER: the exporter reads it from flags only"},
		{"unknown by pattern", func(s *Service) {
			s.Image, s.Env = "ghcr.io/zalando/spilo-17:4.0-p3", []string{"SPILO_PROVIDER", "PATRONI_X"}
		}, "PATRONI_X: Spilo drops every PATRONI_ variable"},
		{"required, either", func(s *Service) {
			s.Image, s.Env = "docker.io/opensearchproject/opensearch:3", []string{"DISABLE_SECURITY_PLUGIN"}
		}, ""},
		{"required", func(s *Service) { s.Image = "docker.io/confluentinc/cp-kafka:8.3.0" }, "CLUSTER_ID is missing"},
		{"mount", func(s *Service) {
			s.Image, s.Mounts = "docker.io/grafana/alloy:v1", []string{"/etc/alloy/config.river"}
		}, "the image reads /etc/alloy/config.alloy"},
		{"mount with a command", func(s *Service) {
			s.Image, s.Mounts, s.Command = "docker.io/grafana/alloy:v1", []string{"/etc/alloy/config.river"}, true
		}, ""},
		{"job", func(s *Service) { s.Job = true }, "c.yml:2: service a: it ends, and nothing waits for that"},
		{"job, awaited", func(s *Service) { s.Job, s.Awaited = true, true }, ""},
		{"memory", func(s *Service) { s.Memory = 3 << 29 }, "its memory limit of 1.5Gi is more than the machine's 1Gi"},
	} {
		s := fine
		tt.change(&s)
		found, err := Judge([]Doc{doc}, []Service{s}, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case tt.want == "" && len(found) > 0:
			t.Errorf("%s: got %s", tt.name, found)
		case tt.want != "" && (len(found) == 0 || !strings.Contains(found[0].String(), tt.want)):
			t.Errorf("%s: got %s, want %q", tt.name, found, tt.want)
		}
	}
}

func FuzzLint(f *testing.F) {
	f.Add("version: '3'\nservices: {a: {image: b, command: $X}}\n")
	f.Add("a: &a\n  b: *a\nservices: *a\n")
	f.Add("services:\n  <<: [1, {<<: 2}]\ninclude: [{path: [1]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := Parse("f", []byte(text))
		if err != nil {
			return
		}
		docs := []Doc{doc}
		doc.mentions()
		for _, finding := range append(Refused(docs), Lint(docs, func(string) bool { return true })...) {
			if finding.Line < 1 || finding.Text == "" {
				t.Errorf("a finding without a place: %+v", finding)
			}
		}
		if _, err := Judge(docs, []Service{{Name: "a"}}, 0); err != nil {
			t.Error(err)
		}
	})
}
