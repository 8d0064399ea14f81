package docker

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker/cli/cli/config"
	clicontext "github.com/docker/cli/cli/context"
	endpoints "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/cli/opts"
)

// endpoint is where the docker command would look for the engine, as kind does,
// which starts it: DOCKER_HOST first, then the context that DOCKER_CONTEXT or
// `docker context use` names, then the default. context is empty for no context.
func (e *Engine) endpoint() (found endpoints.Endpoint, context string, err error) {
	getenv := e.Getenv
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	dir := getenv("DOCKER_CONFIG")
	if home := getenv("HOME"); dir == "" && home != "" { // else it would be one of the working directory's
		dir = filepath.Join(home, ".docker")
	}
	host := cmp.Or(e.Host, getenv("DOCKER_HOST"))
	if host == "" {
		if context, err = currentContext(dir, getenv("DOCKER_CONTEXT")); err != nil {
			return found, "", err
		}
	}
	if context != "" && dir == "" {
		return found, "", fmt.Errorf("docker context %q cannot be used: neither DOCKER_CONFIG nor HOME says where contexts are", context)
	}
	if context != "" {
		found, err = ofContext(filepath.Join(dir, "contexts"), context)
		return found, context, err
	}
	verify := getenv("DOCKER_TLS_VERIFY") != ""
	secure := verify || getenv("DOCKER_TLS") != ""
	if found.Host, err = opts.ParseHost(secure, host); err != nil {
		return found, "", fmt.Errorf("DOCKER_HOST %q cannot be used: %w", host, err)
	}
	if secure {
		found.SkipTLSVerify = !verify
		certs := cmp.Or(getenv("DOCKER_CERT_PATH"), dir)
		if found.TLSData, err = readCertificates(certs); err != nil {
			return found, "", fmt.Errorf("DOCKER_CERT_PATH %q cannot be used: %w", certs, err)
		}
	}
	return found, "", nil
}

// currentContext is the context that is chosen; "" for the default one.
func currentContext(dir, given string) (string, error) {
	if given == "" && dir != "" {
		file, err := config.Load(dir)
		if err != nil {
			return "", fmt.Errorf("read Docker's configuration: %w", err)
		}
		given = file.CurrentContext
	}
	if given == "default" {
		return "", nil
	}
	return given, nil
}

func ofContext(dir, name string) (endpoints.Endpoint, error) {
	s := store.New(dir, store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(endpoints.DockerEndpoint, func() any { return &endpoints.EndpointMeta{} }),
	))
	var found endpoints.Endpoint
	about, err := s.GetMetadata(name)
	if err == nil {
		found.EndpointMeta, err = endpoints.EndpointFromContext(about)
	}
	if err == nil {
		found, err = endpoints.WithTLSData(s, name, found.EndpointMeta)
	}
	if err != nil {
		return found, fmt.Errorf("docker context %q cannot be used: %w: choose another (docker context use, or DOCKER_CONTEXT)", name, err)
	}
	return found, nil
}

// readCertificates reads what lies in a directory under the names that the docker
// command gives them. An authority without a client's certificate is common; it
// is the other way round only for an authority that the machine knows.
func readCertificates(dir string) (*clicontext.TLSData, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	data := &clicontext.TLSData{}
	for name, content := range map[string]*[]byte{"ca.pem": &data.CA, "cert.pem": &data.Cert, "key.pem": &data.Key} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		*content = text
	}
	return data, nil
}
