package cache

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/docker/go-connections/nat"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/pull"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// hub stands in for Docker Hub: the real registry, which takes nothing but tokens,
// and a server that gives them to whoever has a name and a password.
type hub struct {
	*testkit.Tokens
	url   string // as containers and the driver reach it
	local string // host:port as this test reaches it
}

func newHub(t *testing.T, cli *client.Client, image, net_ string) *hub {
	t.Helper()
	h := &hub{Tokens: testkit.NewTokens(t, "me", "s3cret-that-is-nowhere")}
	l, err := net.Listen("tcp", "0.0.0.0:0") //nolint:gosec // the containers come from another network
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: h.Tokens}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	files := map[string][]byte{
		"etc/hub/keys.json": h.JWKS(),
		"etc/hub/config.yml": fmt.Appendf(nil, `version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000"}
auth:
  token: {realm: "http://%s:%d/token", service: %s, issuer: %s, jwks: /etc/hub/keys.json}
`, gateway, l.Addr().(*net.TCPAddr).Port, h.Service, h.Issuer),
	}
	made, err := cli.ContainerCreate(t.Context(),
		&container.Config{Image: image, Entrypoint: []string{"registry"}, Cmd: []string{"serve", "/etc/hub/config.yml"}, Env: []string{"OTEL_TRACES_EXPORTER=none"}, ExposedPorts: nat.PortSet{servePort: {}}},
		&container.HostConfig{NetworkMode: container.NetworkMode(net_), PortBindings: nat.PortMap{servePort: {{HostIP: "127.0.0.1"}}}},
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{net_: {}}}, nil, net_+"-hub")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cli.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			t.Error(err)
		}
	})
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for path, text := range files {
		_ = w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(text))})
		_, _ = w.Write(text)
	}
	_ = w.Close() // writes to memory cannot fail
	if err := cli.CopyToContainer(t.Context(), made.ID, "/", &b, container.CopyToContainerOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := cli.ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	have, err := cli.ContainerInspect(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	// Its address is good for containers and for this machine, where the driver asks
	// whether the credentials are.
	h.url = "http://" + have.NetworkSettings.Networks[net_].IPAddress + ":5000"
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) { // its start tells nobody that it listens
		if h.local, err = address(t.Context(), cli, made.ID, servePort); err == nil {
			var res *http.Response
			if res, err = http.Get("http://" + h.local + "/v2/"); err == nil {
				_ = res.Body.Close()
				if res.StatusCode == http.StatusUnauthorized && strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Bearer ") {
					return h
				}
				err = fmt.Errorf("it answers %s, and asks for no token", res.Status)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the stand-in for Docker Hub is not up: %v\n%s", err, logs(t, cli, made.ID))
		}
	}
}

func (h *hub) push(t *testing.T, repository string) {
	t.Helper()
	image, err := random.Image(1<<16, 2)
	if err != nil {
		t.Fatal(err)
	}
	r, err := name.ParseReference(h.local+"/"+repository, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(r, image, remote.WithAuth(&authn.Basic{Username: h.User, Password: h.Password})); err != nil {
		t.Fatal(err)
	}
}

func logs(t *testing.T, cli *client.Client, id string) string {
	t.Helper()
	rc, err := cli.ContainerLogs(context.WithoutCancel(t.Context()), id, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return err.Error()
	}
	defer rc.Close()
	var out bytes.Buffer
	_, _ = stdcopy.StdCopy(&out, &out, io.LimitReader(rc, 1<<20))
	return out.String()
}

func TestEngine_DockerHubsTokens(t *testing.T) {
	d, cli, c, env := setup(t)
	h := newHub(t, cli, c.Images[0], env.Name)
	h.push(t, "library/app:1")
	h.push(t, "library/app:2")
	c.Settings["upstreams"] = map[string]any{"docker.io": h.url}
	env.Values[pull.UsernameValue], env.Secrets[pull.PasswordSecret] = h.User, h.Password
	var warned, told []string
	env.Warn = func(s string) { warned = append(warned, s) }
	env.Progress = func(s string) { told = append(told, s) }
	before := h.Given()
	apply(t, d, c, env, engine.Created)
	if err := d.Prefetch(t.Context(), c, "app:1", env); err != nil {
		t.Fatal(err)
	}
	node(t, cli, env, "library/app:1")
	if h.Given() <= before || len(warned) != 0 {
		t.Errorf("%d tokens were given to the cache; warned %q", h.Given()-before, warned)
	}
	cached := pull.CacheName(env.Name, "docker.io")
	secret := func(password string) {
		t.Helper()
		have, err := cli.ContainerInspect(t.Context(), cached)
		if err != nil {
			t.Fatal(err)
		}
		shown, _ := json.Marshal(have)
		top, err := cli.ContainerTop(t.Context(), cached, nil)
		if err != nil {
			t.Fatal(err)
		}
		for where, text := range map[string]string{
			"docker inspect": string(shown), "docker top": fmt.Sprint(top.Processes), "docker logs": logs(t, cli, cached),
			"what the run says": strings.Join(append(told, warned...), "\n"),
		} {
			if strings.Contains(text, password) {
				t.Errorf("the password is in %s", where)
			}
		}
	}
	secret(h.Password)

	// A wrong password is said once, at once; the cache asks as nobody, whom this
	// stand-in gives nothing.
	const wrong = "wr0ng-and-nowhere-else"
	env.Secrets[pull.PasswordSecret] = wrong
	apply(t, d, c, env, engine.Configured)
	if len(warned) != 1 || !strings.Contains(warned[0], "docker-username and docker-password: "+h.url+" does not take them (refused: 401") {
		t.Errorf("warned %q", warned)
	}
	err := d.Prefetch(t.Context(), c, "app:2", env)
	if err == nil || !strings.Contains(err.Error(), "asked for as nobody, as docker-username and docker-password were refused") {
		t.Errorf("prefetch: %v", err)
	}
	t.Log(err)
	secret(wrong)
	secret(h.Password)
}
