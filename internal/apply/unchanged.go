package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// looksAtOnce bounds the questions that are under way at one time: a component
// has up to some hundred objects, and the API server lets in 400 by default.
const looksAtOnce = 16

// memory is what an inventory remembers of the last time that all went well, so
// that a run with nothing to do asks for the objects' metadata and applies
// nothing: 0.2 s in place of 4.6 for the 15 objects of Argo Rollouts, five of
// them CRDs of up to 300 KiB.
type memory struct {
	digest   string            // of the objects that were applied
	versions map[string]string // of each, by its [Ref]
}

// digest is the same for the same objects in the same order, but for the content
// of Secrets.
func digest(objs []*unstructured.Unstructured) (string, error) {
	sum := sha256.New()
	for _, obj := range objs {
		text, err := json.Marshal(withoutContent(obj).Object) // sorts the keys
		if err != nil {
			return "", fmt.Errorf("%s: %w", Describe(obj), err)
		}
		sum.Write(append(text, '\n'))
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// version changes when somebody changes what was asked for. The generation
// stays when only the status moves; kinds that have none, such as ConfigMap and
// Secret, have no status either, and with a few (Service) a false alarm only
// means that they are applied again.
func version(obj metav1.Object) string {
	if g := obj.GetGeneration(); g > 0 {
		return "g" + strconv.FormatInt(g, 10)
	}
	return "r" + obj.GetResourceVersion()
}

// asRemembered reports whether all refs are as they were when m was noted.
func (c *Client) asRemembered(ctx context.Context, m memory, want string, refs []Ref) bool {
	if m.digest != want || len(m.versions) != len(refs) || c.metadata == nil {
		return false
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(looksAtOnce)
	for _, r := range refs {
		group.Go(func() error {
			got, err := c.versionOf(ctx, r)
			if err == nil && got != m.versions[r.String()] {
				err = fmt.Errorf("%s has changed", r)
			}
			return err
		})
	}
	return group.Wait() == nil
}

// versionOf is "" for an object that is not there, or is going.
func (c *Client) versionOf(ctx context.Context, r Ref) (string, error) {
	c.mapping.Lock()
	mapping, err := c.mapper.RESTMapping(r.Kind)
	c.mapping.Unlock()
	if err != nil {
		return "", err
	}
	var obj *metav1.PartialObjectMetadata
	if res := c.metadata.Resource(mapping.Resource); mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		obj, err = res.Namespace(r.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
	} else {
		obj, err = res.Get(ctx, r.Name, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) || err == nil && obj.GetDeletionTimestamp() != nil {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return version(obj), nil
}

// lines and parseVersions are the form of the versions in the ConfigMap.
func (m memory) lines() string {
	var b strings.Builder
	for _, ref := range slices.Sorted(maps.Keys(m.versions)) {
		b.WriteString(ref + " " + m.versions[ref] + "\n")
	}
	return b.String()
}

func parseVersions(text string) map[string]string {
	versions := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if i := strings.LastIndexByte(line, ' '); i > 0 {
			versions[line[:i]] = line[i+1:]
		}
	}
	return versions
}
