package compose

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// workdir writes files (path: text) into a directory of their own.
func workdir(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, root, files)
	return root
}

// users is the component of Compose files in a directory.
func users(root string, files ...string) catalog.Component {
	var paths []string
	for _, f := range files {
		paths = append(paths, filepath.Join(root, f))
	}
	return catalog.Component{Name: "user-compose", Driver: "compose", Settings: map[string]any{
		"root": root, "files": paths, "env-files": []string(nil), "profiles": []string(nil),
	}}
}

func usersEnv(t *testing.T) engine.Env {
	e := env("hyt")
	e.StateDir = t.TempDir()
	e.Mask, e.Warn = func(string) {}, func(string) {}
	e.Values = map[string]string{
		"infra-net-name": "infra_net", "infra-net-subnet": "172.19.0.0/16", "infra-net-gateway": "172.19.0.1", "infra-net-ip-range": "172.19.128.0/17",
		"kind-net-name": "kind", "kind-net-subnet": "172.18.0.0/16", "kind-net-gateway": "172.18.0.1", "kind-net-ip-range": "172.18.0.0/24", "kind-net-pool": "172.18.100.0/24",
	}
	return e
}

// A project such as people have: included, extended, with profiles and overrides.
var project = map[string]string{
	"compose.yml": `
include: [db/compose.yml]
services:
  web:
    extends: {file: common/base.yml, service: base}
    image: docker.io/library/redis:${TAG:-7.0.15}
    ports: ["127.0.0.1:18080:6379"]
    volumes: ["./data/web:/data", "named:/named"]
    secrets: [web_token]
    user: redis
    environment: {API_TOKEN: , MODE: "${MODE}"}
    networks: {infra: {ipv4_address: 172.19.7.7}}
  debug: {image: redis:7.0.15, profiles: [debug]}
secrets: {web_token: {file: ./secrets/web_token}}
volumes: {named: {}}
networks: {infra: {external: true, name: infra_net}}
`,
	"over.yml":        "services: {web: {environment: {LEVEL: high}, mem_reservation: 64m}}",
	"common/base.yml": "services: {base: {restart: unless-stopped, env_file: [base.env]}}",
	"common/base.env": "FROM_BASE=yes\n",
	"db/compose.yml": `
services:
  db:
    image: docker.io/library/redis:7.0.15
    environment: {POSTGRES_PASSWORD: "${POSTGRES_PASSWORD}", NAME: "${DB_NAME}"}
    env_file: [db.env]
  job: {image: docker.io/library/redis:7.0.15, command: [sh, -c, "exit 0"], restart: "no"}
`,
	"db/.env":           "DB_NAME=orders\n",
	"db/db.env.example": "USER=me\nDB_PASSWORD=\nROOT_PASSWORD=<fill in> # ask\nKNOWN_PASSWORD=hunter22\n",
}

func TestUser_ReadsWhatPeopleHave(t *testing.T) {
	root := workdir(t, project)
	c := users(root, "compose.yml", "over.yml")
	e := usersEnv(t)
	e.Environ = map[string]string{"MODE": "test"}
	u, err := loadUser(t.Context(), c, e)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(u.ServiceNames(), " "); got != "db job web" {
		t.Errorf("services %s: the profile debug is not chosen", got)
	}
	web := u.Services["web"]
	value := func(s map[string]*string, key string) string {
		if s[key] == nil {
			return "(none)"
		}
		return *s[key]
	}
	for key, want := range map[string]string{"MODE": "test", "LEVEL": "high", "FROM_BASE": "yes", "API_TOKEN": placeholder} {
		if got := value(web.Environment, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got := value(u.Services["db"].Environment, "NAME"); got != "orders" {
		t.Errorf("the included project's .env is not read: %q", got)
	}
	if web.Volumes[0].Source != filepath.Join(root, "data/web") || u.Volumes["named"].Name != "hyt-user-compose_named" {
		t.Errorf("volumes %v, %v", web.Volumes, u.Volumes)
	}
	ends := map[string]string{}
	for name, s := range u.Services {
		ends[name] = s.CustomLabels[endLabel]
	}
	if want := map[string]string{"web": endsNever, "db": endsMaybe, "job": endsJob}; !maps.Equal(ends, want) {
		t.Errorf("ends %v, want %v", ends, want)
	}

	c, err = New(nil).Describe(t.Context(), c, e)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(c.Secrets)
	if got := strings.Join(c.Secrets, " "); got != "user-api-token user-db-password user-postgres-password user-root-password user-web-token" {
		t.Errorf("secrets %s", got)
	}
	if !slices.Equal(c.Images, []string{"docker.io/library/redis:7.0.15"}) || !slices.Equal(c.Ports, []int{18080}) || c.Budget.Memory != 64<<20 {
		t.Errorf("asks for %v, %v, %s", c.Images, c.Ports, c.Budget.Memory)
	}
}

func TestUser_MakesWhatIsMissingAndTakesItAway(t *testing.T) {
	root := workdir(t, project)
	c, e := users(root, "compose.yml"), usersEnv(t)
	e.Secrets = map[string]string{"user-db-password": "pw1", "user-root-password": "pw2", "user-web-token": "tok", "user-api-token": "api", "user-postgres-password": "pg"}
	var masked []string
	e.Mask = func(s string) { masked = append(masked, s) }
	for range 2 { // the second finds all of it made
		if err := prepareUser(t.Context(), c, e); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"secrets/web_token": "tok", "db/db.env": "USER=me\nDB_PASSWORD=pw1\nROOT_PASSWORD=pw2\nKNOWN_PASSWORD=hunter22\n"} {
		text, err := os.ReadFile(filepath.Join(root, path))
		info, _ := os.Stat(filepath.Join(root, path))
		if err != nil || string(text) != want || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	if !slices.Equal(masked, []string{"tok", "tok"}) {
		t.Errorf("masked %q", masked)
	}
	u, err := loadUser(t.Context(), c, e)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"user-db-password", "user-root-password"}; !slices.Contains(u.secrets, want[0]) || !slices.Contains(u.secrets, want[1]) {
		t.Errorf("a later run asks for %q only: it would not hide the others", u.secrets)
	}
	if s := u.Secrets["web_token"]; s.Content != "tok" || s.File != "" {
		t.Error("a generated secret is mounted: only its owner could read it")
	}
	if got := *u.Services["db"].Environment["DB_PASSWORD"]; got != "pw1" {
		t.Errorf("DB_PASSWORD %q", got)
	}
	if err := os.WriteFile(filepath.Join(root, "db/db.env"), []byte("DB_PASSWORD=mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := forgetMade(e, c); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"secrets", "data"} {
		if _, err := os.Stat(filepath.Join(root, path)); err == nil {
			t.Errorf("%s is left", path)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "db/db.env")); err != nil {
		t.Error("a file that the user changed is gone")
	}
}

func TestUser_MistakesAreToldInOneSentence(t *testing.T) {
	web := func(more string) string { return "services:\n  web:\n    image: redis:7\n" + more }
	for _, tt := range []struct{ name, file, want string }{
		{"no service", "services: {}", "there is no service in compose.yml"},
		{"profiles", "services: {a: {image: b, profiles: [x]}, c: {image: d, profiles: [w]}}", `with compose-profiles "" no service is left: choose from w, x`},
		{"not Compose", web("    imagine: b\n"), "compose-files: validating compose.yml: services.web additional properties 'imagine' not allowed"},
		{"no Dockerfile", "services:\n  web:\n    build: .\n", "compose.yml:3: service web is built by Dockerfile, which is not there"},
		{"no context", "services:\n  web:\n    image: a:1\n    build: ./app\n", "compose.yml:4: service web is built of app, which is no directory"},
		{"build secret", "services:\n  web:\n    build: {context: ., dockerfile_inline: FROM scratch, secrets: [key]}\n", `service "web" refers to undefined build secret key`},
		{"built on nothing", "services:\n  web:\n    build: {context: ., dockerfile_inline: FROM base, additional_contexts: {base: 'service:base'}}\n", `service "web" declares unknown service "base" as additional contexts base`},
		{"built on itself", "services:\n  web:\n    build: {context: ., dockerfile_inline: FROM base, additional_contexts: {base: 'service:web'}}\n", "compose.yml:3: service web is built on itself"},
		{"image", web("") + "  two: {image: 'A B'}\n", `compose.yml:4: service two: image "A B" is no reference`},
		{"swarm", web("    secrets: [s]\n") + "secrets:\n  s: {external: true}\n", "compose.yml:6: secret s is external, which is for Docker Swarm"},
		{"config", web("    configs: [s]\n") + "configs:\n  s: {file: ./x.conf}\n", "compose.yml:6: config s: file x.conf is not there"},
		{"env file", web("    env_file: [web.env]\n"), "compose.yml:4: service web: env file web.env is not there: make it, or put an example of it beside it (web.env.example)"},
		{"bind outside", web("    volumes: ['/nowhere/at/all:/data']\n"), "compose.yml:4: service web mounts /nowhere/at/all, which is not there, and nothing is made outside of"},
		{"bind file", web("    volumes: ['./web.conf:/etc/web.conf']\n"), "compose.yml:4: service web mounts the file web.conf, which is not there"},
		{"required variable", web("    command: '${LEVEL:?say how loud}'\n"), "say how loud"},
		{"overlap", web("    networks: [n]\n") + "networks:\n  n:\n    ipam: {config: [{subnet: 172.19.4.0/24}]}\n", "compose.yml:6: network n (172.19.4.0/24) overlaps the platform's network infra_net (172.19.0.0/16): use that one"},
		{"waits for ever", web("    depends_on: {job: {condition: service_completed_successfully}}\n") + "  job: {image: redis:7, restart: always}\n", "compose.yml:4: service web waits until job has ended, which restarts for ever"},
		{"waits for no check", web("    depends_on: {job: {condition: service_healthy}}\n") + "  job: {image: redis:7, healthcheck: {disable: true}}\n", "whose health check is disabled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := workdir(t, map[string]string{"compose.yml": tt.file})
			u, err := loadUser(t.Context(), users(root, "compose.yml"), usersEnv(t))
			if err == nil {
				_, err = u.binds()
			}
			if err == nil {
				err = u.checkOrder()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || exit.Code(err) != exit.BadInput {
				t.Errorf("got %v, want bad input with %q", err, tt.want)
			}
		})
	}
}

func TestUser_FixedAddresses(t *testing.T) {
	const head = "networks: {infra: {external: true, name: infra_net}, kind: {name: kind}, own: {ipam: {config: [{subnet: 10.77.0.0/24}]}}, free: {}}\nservices:\n"
	service := func(name, net, addr string) string {
		return "  " + name + ": {image: redis:7, networks: {" + net + ": {ipv4_address: " + addr + "}}}\n"
	}
	for _, tt := range []struct{ name, services, want string }{
		{"fine", service("a", "infra", "172.19.0.5") + service("b", "kind", "172.18.5.5") + service("c", "own", "10.77.0.9"), ""},
		{"outside", service("a", "infra", "172.20.0.5"), "compose.yml:3: service a cannot have the address 172.20.0.5: network infra_net is 172.19.0.0/16"},
		{"gateway", service("a", "infra", "172.19.0.1"), "it is the gateway of network infra_net"},
		{"given to anybody", service("a", "infra", "172.19.200.1"), "network infra_net gives addresses of 172.19.128.0/17 to whatever comes first"},
		{"nodes", service("a", "kind", "172.18.0.9"), "network kind gives addresses of 172.18.0.0/24 to whatever comes first"},
		{"load balancers", service("a", "kind", "172.18.100.9"), "172.18.100.0/24 is for LoadBalancer Services"},
		{"twice", service("a", "infra", "172.19.0.5") + service("b", "infra", "172.19.0.5"), "compose.yml:4: service b has the address 172.19.0.5 of service a"},
		{"no subnet", service("a", "free", "10.1.1.1"), "on network free, which has no fixed subnet"},
		{"own, outside", service("a", "own", "10.78.0.9"), "network hyt-user-compose_own is 10.77.0.0/24"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := workdir(t, map[string]string{"compose.yml": head + tt.services})
			u, err := loadUser(t.Context(), users(root, "compose.yml"), usersEnv(t))
			if err != nil {
				t.Fatal(err)
			}
			err = u.checkNetworks(t.Context(), nil) // no network needs to be looked up
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || exit.Code(err) != exit.BadInput):
				t.Errorf("got %v, want bad input with %q", err, tt.want)
			}
		})
	}
}
