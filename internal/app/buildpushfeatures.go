package app

import (
	"net/url"
	"os"
	"strings"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/spec"
)

// buildFeatures maps the inputs that are handed through to the builder.
func buildFeatures(rt *Runtime, in spec.Values) (builder.Features, error) {
	secrets, err := buildSecrets(rt, in)
	if err != nil {
		return builder.Features{}, err
	}
	cache, err := cacheService(rt, in)
	if err != nil {
		return builder.Features{}, err
	}
	call := in.String("call")
	if call == "build" {
		call = ""
	}
	return builder.Features{
		Dockerfile:     in.String("dockerfile-inline"),
		Platforms:      commaList(in.List("platforms")),
		BuildContexts:  in.List("build-contexts"),
		Secrets:        secrets,
		SSH:            in.List("ssh"),
		CacheFrom:      in.List("cache-from"),
		CacheTo:        in.List("cache-to"),
		Provenance:     in.String("provenance"),
		SBOM:           in.String("sbom"),
		Attests:        in.List("attests"),
		NoCache:        in.Bool("no-cache"),
		NoCacheFilters: commaList(in.List("no-cache-filters")),
		Pull:           in.Bool("pull"),
		AddHosts:       commaList(in.List("add-hosts")),
		Network:        in.String("network"),
		ShmSize:        in.String("shm-size"),
		CgroupParent:   in.String("cgroup-parent"),
		Ulimits:        commaList(in.List("ulimit")),
		Allow:          commaList(in.List("allow")),
		Outputs:        in.List("outputs"),
		Load:           in.Bool("load"),
		Call:           call,
		Builder:        in.String("builder"),
		Env:            cache,
	}, nil
}

// commaList takes commas for ends of lines too, as docker/build-push-action does
// where no item can have one.
func commaList(items []string) []string {
	var out []string
	for _, item := range items {
		for part := range strings.SplitSeq(item, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// buildSecrets reads the three inputs of secrets, and hides all values from the log.
func buildSecrets(rt *Runtime, in spec.Values) ([]builder.Secret, error) {
	secrets, err := builder.ParseSecrets(in.String("secrets"))
	if err != nil {
		return nil, err
	}
	for _, s := range secrets {
		rt.Mask(s.Value)
	}
	envs, err := builder.ParseSecretRefs("secret-envs", in.List("secret-envs"), func(s *builder.Secret, v string) { s.Env = v })
	if err != nil {
		return nil, err
	}
	for _, s := range envs {
		value := rt.Getenv(s.Env)
		if value == "" {
			return nil, exit.BadInputf("input secret-envs names the variable %s, which is not set or empty", s.Env)
		}
		rt.Mask(value)
	}
	files, err := builder.ParseSecretRefs("secret-files", in.List("secret-files"), func(s *builder.Secret, v string) { s.File = v })
	if err != nil {
		return nil, err
	}
	for _, s := range files {
		text, err := os.ReadFile(s.File)
		if err != nil {
			return nil, exit.BadInputf("input secret-files: %w", err)
		}
		rt.Mask(string(text))
	}
	secrets = append(append(secrets, envs...), files...)
	if token, ok := gitToken(rt, in); ok {
		secrets = append(secrets, token)
	}
	return secrets, nil
}

// gitToken is what BuildKit fetches a private Git context with, for the host of
// GitHub alone. A token among the secrets goes first.
func gitToken(rt *Runtime, in spec.Values) (builder.Secret, bool) {
	repository, _ := builder.GitRepository(in.String("context"))
	server, token := rt.Getenv("GITHUB_SERVER_URL"), in.String("github-token")
	if token == "" || server == "" || !strings.HasPrefix(repository, server+"/") {
		return builder.Secret{}, false
	}
	u, err := url.Parse(server)
	if err != nil || strings.Contains(in.String("secrets"), "GIT_AUTH_TOKEN") {
		return builder.Secret{}, false
	}
	return builder.Secret{ID: "GIT_AUTH_TOKEN." + u.Host, Value: token, Optional: true}, true
}

// cacheService is the environment from which buildx takes the address of GitHub's
// cache and the token for it. The runner gives both to JavaScript actions alone.
func cacheService(rt *Runtime, in spec.Values) ([]string, error) {
	token, address := in.String("cache-token"), in.String("cache-url")
	if token != "" && address != "" {
		return []string{"ACTIONS_RUNTIME_TOKEN=" + token, "ACTIONS_RESULTS_URL=" + address, "ACTIONS_CACHE_SERVICE_V2=true"}, nil
	}
	for _, c := range append(in.List("cache-from"), in.List("cache-to")...) {
		if strings.Contains(c, "type=gha") && rt.Getenv("ACTIONS_RUNTIME_TOKEN") == "" {
			return nil, exit.BadInputf("cache type=gha needs the token of the runner: put a step that uses buenhyden/hy-home/actions/cache-token before this one, and hand its outputs over as cache-token and cache-url")
		}
	}
	return nil, nil
}
