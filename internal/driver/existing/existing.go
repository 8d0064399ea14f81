// Package existing is the driver of a cluster that was there before the
// platform: EKS, GKE, AKS, one's own. It looks at it and never changes it; all
// it makes is a kubeconfig of this one cluster in the state directory.
package existing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/credential"
	"github.com/buenhyden/hy-home/internal/decode"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

// oldest is the oldest Kubernetes that the catalog's components are made for.
var oldest = version.MustParseGeneric("1.29.0")

// answers bounds one look at the cluster: an API server that is there answers in
// milliseconds, and one behind a dropped route never does.
const answers = 15 * time.Second

// Driver is the [engine.Driver] for clusters that are there.
type Driver struct{}

// Settings come from the inputs of the run.
type Settings struct {
	Kubeconfig string `yaml:"kubeconfig"` // path of the user's file
	Context    string `yaml:"context"`    // "" means the file's current one
}

// Preflight finds out whether the cluster answers, is new enough and lets us do
// what the platform needs. It changes nothing.
func (d Driver) Preflight(ctx context.Context, cs []catalog.Component, _ engine.Env) error {
	for _, c := range cs {
		_, cfg, err := load(c)
		if err != nil {
			return err
		}
		if err := check(ctx, cfg); err != nil {
			return err
		}
	}
	return nil
}

// Recall reads the platform's credentials from the cluster.
func (d Driver) Recall(ctx context.Context, c catalog.Component, env engine.Env) (map[string]string, error) {
	_, cfg, err := load(c)
	if err != nil {
		return nil, err
	}
	return credential.Recall(ctx, cfg, env.Name)
}

// Apply writes the kubeconfig that all other components work with.
func (d Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	text, cfg, err := load(c)
	if err != nil {
		return "", err
	}
	if err := check(ctx, cfg); err != nil {
		return "", err
	}
	before, err := os.ReadFile(env.Kubeconfig)
	if err == nil && bytes.Equal(before, text) {
		return engine.Unchanged, nil
	}
	existed := err == nil
	if err := write(env.Kubeconfig, text); err != nil {
		return "", fmt.Errorf("write the kubeconfig: %w", err)
	}
	if existed {
		return engine.Configured, nil
	}
	return engine.Created, nil
}

// Remove forgets the cluster; it stays as it is.
func (d Driver) Remove(_ context.Context, _ catalog.Component, env engine.Env) (engine.Outcome, error) {
	err := os.Remove(env.Kubeconfig)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return engine.Unchanged, nil
	case err != nil:
		return "", fmt.Errorf("remove the kubeconfig: %w", err)
	}
	return engine.Removed, nil
}

// Status says whether the cluster answers.
func (d Driver) Status(ctx context.Context, _ catalog.Component, env engine.Env) (string, error) {
	if _, err := os.Stat(env.Kubeconfig); errors.Is(err, fs.ErrNotExist) {
		return "absent", nil
	}
	cfg, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return "", err
	}
	if err := check(ctx, cfg); err != nil {
		return err.Error(), nil //nolint:nilerr // what is wrong with the cluster is the answer here
	}
	return "ready", nil
}

// load reads the one context that is meant from the user's kubeconfig, with all
// that it points at, as a file of its own.
func load(c catalog.Component) ([]byte, *rest.Config, error) {
	var s Settings
	if err := c.DecodeSettings(&s); err != nil {
		return nil, nil, err
	}
	if s.Kubeconfig == "" {
		return nil, nil, exit.BadInputf("cluster: existing needs cluster-kubeconfig: the path of a kubeconfig of the cluster")
	}
	whole, err := clientcmd.LoadFromFile(s.Kubeconfig)
	if err != nil {
		return nil, nil, exit.BadInputf("cluster-kubeconfig %s cannot be read: %w", s.Kubeconfig, decode.Plain(err))
	}
	if s.Context != "" {
		whole.CurrentContext = s.Context
	}
	if len(whole.Contexts) == 0 {
		return nil, nil, exit.BadInputf("cluster-kubeconfig %s holds no context, and so no cluster: name another file", s.Kubeconfig)
	}
	if whole.Contexts[whole.CurrentContext] == nil {
		return nil, nil, exit.BadInputf("cluster-kubeconfig %s has no context %q: cluster-context must be one of %s",
			s.Kubeconfig, whole.CurrentContext, strings.Join(contexts(whole), ", "))
	}
	if err := errors.Join(clientcmdapi.MinifyConfig(whole), clientcmd.ResolveLocalPaths(whole), clientcmdapi.FlattenConfig(whole)); err != nil {
		return nil, nil, exit.BadInputf("cluster-kubeconfig %s: %w", s.Kubeconfig, err)
	}
	text, err := clientcmd.Write(*whole)
	if err != nil {
		return nil, nil, fmt.Errorf("cluster-kubeconfig %s: %w", s.Kubeconfig, err)
	}
	cfg, err := clientcmd.NewDefaultClientConfig(*whole, nil).ClientConfig()
	if err != nil {
		return nil, nil, exit.BadInputf("cluster-kubeconfig %s: %w", s.Kubeconfig, err)
	}
	cfg.WarningHandler = rest.NoWarnings{}
	return text, cfg, nil
}

func contexts(c *clientcmdapi.Config) []string {
	var names []string
	for name := range c.Contexts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// check asks the cluster for its version and for the rights that installing the
// catalog takes: definitions and roles of the whole cluster are part of it.
func check(ctx context.Context, cfg *rest.Config) error {
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	cfg = rest.CopyConfig(cfg)
	cfg.Timeout = answers
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("kubernetes client: %w", err)
	}
	info, err := client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("the cluster at %s does not answer: %w", cfg.Host, err)
	}
	have, err := version.ParseGeneric(info.GitVersion)
	if err != nil {
		return fmt.Errorf("the cluster at %s says its version is %q: %w", cfg.Host, info.GitVersion, err)
	}
	if have.LessThan(oldest) {
		return exit.BadInputf("the cluster at %s runs Kubernetes %s, want %s or newer", cfg.Host, have, oldest)
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Group: "*", Resource: "*", Verb: "*"},
	}}
	got, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("ask the cluster at %s for our rights: %w", cfg.Host, err)
	}
	if !got.Status.Allowed {
		return exit.BadInputf("the user of cluster-kubeconfig may not do everything in the cluster at %s: installing definitions and cluster roles takes the role cluster-admin", cfg.Host)
	}
	return nil
}

// write replaces a file in one step.
func write(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return disk.WriteFile(path, text)
}
