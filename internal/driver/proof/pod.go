package proof

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// nobody is the user that proofs run as: a fixed number, because an image that
// names its user, or none, cannot be checked to be non-root by the kubelet.
const nobody = 65534

func (r run) create(ctx context.Context, client kubernetes.Interface) error {
	if len(r.secrets) > 0 {
		secret := &corev1.Secret{ObjectMeta: r.meta(), StringData: r.secrets}
		if _, err := client.CoreV1().Secrets(r.namespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create secret %s/%s: %w", r.namespace, r.name, err)
		}
	}
	if _, err := client.CoreV1().Pods(r.namespace).Create(ctx, r.pod(), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create pod %s/%s: %w", r.namespace, r.name, err)
	}
	return nil
}

// clean removes pod and Secret, also when ctx has ended.
func (r run) clean(ctx context.Context, client kubernetes.Interface) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	now := int64(0)
	options := metav1.DeleteOptions{GracePeriodSeconds: &now}
	err := client.CoreV1().Pods(r.namespace).Delete(ctx, r.name, options)
	if len(r.secrets) > 0 {
		if secretErr := client.CoreV1().Secrets(r.namespace).Delete(ctx, r.name, options); err == nil || apierrors.IsNotFound(err) {
			err = secretErr
		}
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("remove pod and secret %s/%s: %w", r.namespace, r.name, err)
	}
	return nil
}

func (r run) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: r.name, Namespace: r.namespace,
		Labels: map[string]string{"app.kubernetes.io/managed-by": "hyaction", "app.kubernetes.io/component": "proof"},
	}
}

// pod complies with the Pod Security level "restricted", so that it may run
// wherever an application may.
func (r run) pod() *corev1.Pod {
	yes, no, user, none, limit := true, false, int64(nobody), int64(0), int64(120)
	return &corev1.Pod{
		ObjectMeta: r.meta(),
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			AutomountServiceAccountToken:  &no,
			EnableServiceLinks:            &no,
			TerminationGracePeriodSeconds: &none,
			ActiveDeadlineSeconds:         &limit, // should this process die before it cleans up
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "proof", Image: r.image, ImagePullPolicy: corev1.PullIfNotPresent,
				Command: []string{"sh", "-euc", r.script},
				Env:     r.environment(),
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
					Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("16Mi")},
					Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
				},
			}},
		},
	}
}

// environment lists the variables by name, so that the pod is the same from run to run.
func (r run) environment() []corev1.EnvVar {
	var vars []corev1.EnvVar
	for _, name := range slices.Sorted(maps.Keys(r.env)) {
		vars = append(vars, corev1.EnvVar{Name: name, Value: r.env[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(r.secrets)) {
		vars = append(vars, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: r.name}, Key: name,
		}}})
	}
	return vars
}
