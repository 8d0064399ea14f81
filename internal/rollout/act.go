package rollout

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Abort stops the Rollout's update and sends all traffic back to the stable
// revision, by the same patch that `kubectl argo rollouts abort` sends.
func (c *Cluster) Abort(ctx context.Context, s State) error {
	return c.act(ctx, s, "abort", "status", map[string]any{"status": map[string]any{"abort": true}})
}

// Pause stops the Rollout where it is, by the patch of `kubectl argo rollouts pause`.
func (c *Cluster) Pause(ctx context.Context, s State) error {
	return c.act(ctx, s, "pause", "", map[string]any{"spec": map[string]any{"paused": true}})
}

// Promote lets a paused Rollout go on to its next step, by the patch of `kubectl
// argo rollouts promote`. It never promotes in full, which would skip all analysis.
func (c *Cluster) Promote(ctx context.Context, s State) error {
	return c.act(ctx, s, "promote", "status", map[string]any{"status": map[string]any{"pauseConditions": nil}})
}

// act patches the Rollout only while it is at the revision that was judged: the
// patch names the version it was made for, and a conflict is looked at again.
func (c *Cluster) act(ctx context.Context, s State, verb, subresource string, patch map[string]any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var under []string
	if subresource != "" {
		under = []string{subresource}
	}
	client := c.dynamic.Resource(rollouts).Namespace(s.Namespace)
	for {
		now, err := client.Get(ctx, s.Name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("%s Rollout %s/%s: %w", verb, s.Namespace, s.Name, err)
		}
		if hash := Decode(now.Object).Status.PodHash; hash != s.Status.PodHash {
			return fmt.Errorf("%s Rollout %s/%s: it is at revision %s by now, not at %s that was judged, so it is left alone", verb, s.Namespace, s.Name, hash, s.Status.PodHash)
		}
		patch["metadata"] = map[string]any{"resourceVersion": now.GetResourceVersion()}
		body, err := json.Marshal(patch)
		if err != nil {
			return err
		}
		_, err = client.Patch(ctx, s.Name, types.MergePatchType, body, metav1.PatchOptions{}, under...)
		if apierrors.IsConflict(err) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s Rollout %s/%s: %w", verb, s.Namespace, s.Name, err)
		}
		return nil
	}
}
