package endpoints

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/ready"
)

// Where kubeadm puts the cluster's DNS: ConfigMap and Deployment have one name.
const (
	dnsNamespace = "kube-system"
	dnsName      = "coredns"
	corefileKey  = "Corefile"
)

// corefileAnnotation on the pods of CoreDNS says which Corefile they started with:
// its digest, and the version of its ConfigMap, as the same text may come back after
// another.
const corefileAnnotation = "hyaction.buenhyden.github.io/corefile"

type zone struct {
	bridge.Zone
	config *rest.Config
	client kubernetes.Interface
}

func (cl cluster) zone(s Settings, env engine.Env) zone {
	return zone{bridge.Zone{Name: s.Zone, Owner: env.Name}, cl.config, cl.client}
}

// ensure adds the zone to the Corefile and waits until all of CoreDNS serves it.
//
// CoreDNS notices a new Corefile by itself, but only after the kubelet has
// refreshed the pod's files (up to a minute) and its own look at them every 30 s.
// Pods that start anew read it at once; that takes some 5 s, and one of the two
// answers all the time.
func (z zone) ensure(ctx context.Context, progress func(string)) (changed bool, err error) {
	progress("adding the zone " + z.Name + " to the cluster's DNS")
	cm, edited, err := z.edit(ctx, func(text string) (string, error) {
		text, err := z.Add(text)
		if err != nil {
			return "", exit.BadInputf("%w: give the component external-services another zone", err)
		}
		return text, nil
	})
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256([]byte(cm.Data[corefileKey]))
	digest := hex.EncodeToString(sum[:8])
	deployments := z.client.AppsV1().Deployments(dnsNamespace)
	dns, err := deployments.Get(ctx, dnsName, metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("read deployment %s/%s: %w", dnsNamespace, dnsName, err)
	}
	if edited || !strings.HasPrefix(dns.Spec.Template.Annotations[corefileAnnotation], digest) {
		progress("restarting CoreDNS with the zone " + z.Name)
		patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{%q:%q}}}}}`, corefileAnnotation, digest+"-"+cm.ResourceVersion)
		if _, err := deployments.Patch(ctx, dnsName, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: apply.FieldManager}); err != nil {
			return false, fmt.Errorf("restart deployment %s/%s: %w", dnsNamespace, dnsName, err)
		}
		changed = true
	}
	probes, err := ready.New(z.config)
	if err != nil {
		return changed, err
	}
	return changed, probes.Wait(ctx, catalog.Component{
		Name: "CoreDNS", Namespace: dnsNamespace,
		Ready: []catalog.Probe{{Object: &catalog.ObjectProbe{Kind: "Deployment", Name: dnsName}}},
	}, progress)
}

// served reports whether the zone is in the Corefile as it should be.
func (z zone) served(ctx context.Context) (bool, error) {
	cm, err := z.client.CoreV1().ConfigMaps(dnsNamespace).Get(ctx, dnsName, metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("read configmap %s/%s: %w", dnsNamespace, dnsName, err)
	}
	want, err := z.Add(cm.Data[corefileKey])
	return err == nil && want == cm.Data[corefileKey], nil
}

// drop takes the zone out again. CoreDNS may notice when it does.
func (z zone) drop(ctx context.Context) (changed bool, err error) {
	_, changed, err = z.edit(ctx, func(text string) (string, error) { return z.Drop(text), nil })
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return changed, err
}

// edit changes the Corefile and nothing else, on the version that was read: what
// another hand wrote in between is not lost, as the API server then refuses.
func (z zone) edit(ctx context.Context, change func(string) (string, error)) (cm *corev1.ConfigMap, changed bool, err error) {
	maps := z.client.CoreV1().ConfigMaps(dnsNamespace)
	for {
		cm, err := maps.Get(ctx, dnsName, metav1.GetOptions{})
		if err != nil {
			return nil, false, fmt.Errorf("read configmap %s/%s: %w", dnsNamespace, dnsName, err)
		}
		text, err := change(cm.Data[corefileKey])
		if err != nil || text == cm.Data[corefileKey] {
			return cm, false, err
		}
		cm.Data[corefileKey] = text
		cm, err = maps.Update(ctx, cm, metav1.UpdateOptions{FieldManager: apply.FieldManager})
		if apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			return nil, false, fmt.Errorf("write configmap %s/%s: %w", dnsNamespace, dnsName, err)
		}
		return cm, true, nil
	}
}
