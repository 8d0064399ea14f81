package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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

// FollowApplication sends an Argo CD Application as it is now and then each time it
// changes, as [Cluster.Follow] does it for a Rollout. One that is not there is
// unreadable.
func (c *Cluster) FollowApplication(ctx context.Context, namespace, name string, out chan<- Application) error {
	missing := &Unreadable{"application_missing", fmt.Sprintf("Application %s/%s does not exist: check its name, and that Argo CD is installed here", namespace, name)}
	f := follower{Cluster: c, resource: applications, namespace: namespace, name: name}
	f.fatal = func(err error) *Unreadable {
		switch {
		case apierrors.IsNotFound(err): // the kind itself
			return missing
		case apierrors.IsForbidden(err):
			return &Unreadable{"forbidden", fmt.Sprintf("no permission to read Application %s/%s: grant list and watch on applications.argoproj.io", namespace, name)}
		}
		return c.fatal(err, namespace)
	}
	f.send = func(ctx context.Context, o *unstructured.Unstructured) error {
		if o == nil {
			return missing
		}
		select {
		case out <- DecodeApplication(o.Object):
		case <-ctx.Done():
		}
		return nil
	}
	return f.follow(ctx)
}

// Generation reads that of a Rollout, 0 if there is none: what an Application at the
// commit has applied is seen from the generation on that is read after it.
func (c *Cluster) Generation(ctx context.Context, namespace, name string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	now, err := c.dynamic.Resource(rollouts).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read Rollout %s/%s: %w", namespace, name, err)
	}
	return now.GetGeneration(), nil
}
