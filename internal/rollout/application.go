package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var applications = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}

// Application is what an Argo CD Application says of the commit that it applied.
type Application struct {
	Synced    bool
	Revisions []string // of its sources; one for most
	Failure   string   // of the last sync, when it went wrong
}

// DecodeApplication reads an Application out of its JSON form, leniently.
func DecodeApplication(obj map[string]any) Application {
	status := object(obj, "status")
	sync, operation := object(status, "sync"), object(status, "operationState")
	a := Application{Synced: text(sync, "status") == "Synced"}
	if r := text(sync, "revision"); r != "" {
		a.Revisions = append(a.Revisions, r)
	}
	if all, ok := sync["revisions"].([]any); ok {
		for _, r := range all {
			if s, ok := r.(string); ok && s != "" {
				a.Revisions = append(a.Revisions, s)
			}
		}
	}
	switch text(operation, "phase") {
	case "Failed", "Error":
		a.Failure = text(operation, "message")
	}
	return a
}

// At reports whether the Application has applied the commit, which may be
// shortened to no less than seven digits.
func (a Application) At(commit string) bool {
	return a.Synced && slices.ContainsFunc(a.Revisions, func(r string) bool { return len(commit) >= 7 && strings.HasPrefix(r, commit) })
}

// Application reads an Argo CD Application, and after it the Rollout: what an
// Application at the commit has applied is seen from the generation that comes back on.
func (c *Cluster) Application(ctx context.Context, namespace, name string, s State) (Application, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o, err := c.dynamic.Resource(applications).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return Application{}, 0, &Unreadable{"application_missing", fmt.Sprintf("Application %s/%s does not exist: check its name, and that Argo CD is installed here", namespace, name)}
	case apierrors.IsForbidden(err):
		return Application{}, 0, &Unreadable{"forbidden", fmt.Sprintf("no permission to read Application %s/%s: grant get on applications.argoproj.io", namespace, name)}
	case err != nil:
		return Application{}, 0, fmt.Errorf("read Application %s/%s: %w", namespace, name, err)
	}
	now, err := c.dynamic.Resource(rollouts).Namespace(s.Namespace).Get(ctx, s.Name, metav1.GetOptions{})
	if err != nil {
		return Application{}, 0, fmt.Errorf("read Rollout %s/%s: %w", s.Namespace, s.Name, err)
	}
	return DecodeApplication(o.Object), now.GetGeneration(), nil
}
