package proof

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/buenhyden/hy-home/internal/bridge"
)

// run is one run of a proof.
type run struct {
	name, namespace, image string
	node                   string // that has the image; "" for any
	entry                  string // node that is called back at
	platform               string
	targets                []byte // as speak packs them; holds passwords
	count                  int    // of them
	progress               func(string)
}

const (
	// nobody is the user that proofs run as: a fixed number, because an image that
	// names its user, or none, cannot be checked to be non-root by the kubelet.
	nobody = 65534

	listenPort = 8080
	targetsKey = "targets.json"
	targetsDir = "/run/hyaction"
	proofLabel = "hyaction.buenhyden.github.io/proof"
)

// create makes everything, the pod last, and returns the nodes' port that leads
// to it.
func (r run) create(ctx context.Context, client kubernetes.Interface, callable bool) (port int, err error) {
	secret := &corev1.Secret{ObjectMeta: r.meta(), Data: map[string][]byte{targetsKey: r.targets}}
	if _, err := client.CoreV1().Secrets(r.namespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return 0, fmt.Errorf("create secret %s/%s: %w", r.namespace, r.name, err)
	}
	if callable {
		service, err := client.CoreV1().Services(r.namespace).Create(ctx, r.service(), metav1.CreateOptions{})
		if err != nil {
			return 0, fmt.Errorf("create service %s/%s: %w", r.namespace, r.name, err)
		}
		port = int(service.Spec.Ports[0].NodePort)
	}
	if _, err := client.CoreV1().Pods(r.namespace).Create(ctx, r.pod(callable), metav1.CreateOptions{}); err != nil {
		return 0, fmt.Errorf("create pod %s/%s: %w", r.namespace, r.name, err)
	}
	return port, nil
}

// clean removes everything, also when ctx has ended.
func (r run) clean(ctx context.Context, client kubernetes.Interface) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	now := int64(0)
	options := metav1.DeleteOptions{GracePeriodSeconds: &now}
	core := client.CoreV1()
	var faults []error
	for _, err := range []error{
		core.Pods(r.namespace).Delete(ctx, r.name, options),
		core.Services(r.namespace).Delete(ctx, r.name, options),
		core.Secrets(r.namespace).Delete(ctx, r.name, options),
	} {
		if err != nil && !apierrors.IsNotFound(err) {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("remove the proof %s/%s: %w", r.namespace, r.name, errors.Join(faults...))
	}
	return nil
}

func (r run) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: r.name, Namespace: r.namespace,
		Labels: map[string]string{"app.kubernetes.io/managed-by": "hyaction", proofLabel: r.name},
	}
}

func (r run) service() *corev1.Service {
	return &corev1.Service{ObjectMeta: r.meta(), Spec: corev1.ServiceSpec{
		Type:     corev1.ServiceTypeNodePort,
		Selector: map[string]string{proofLabel: r.name},
		Ports:    []corev1.ServicePort{{Name: "http", Port: listenPort}},
	}}
}

// pod complies with the Pod Security level "restricted", so that it may run
// wherever an application may.
func (r run) pod(callable bool) *corev1.Pod {
	yes, no, user, none, limit := true, false, int64(nobody), int64(0), int64(120)
	pod := &corev1.Pod{
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
			Volumes: []corev1.Volume{{Name: "targets", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: r.name}}}},
			Containers: []corev1.Container{{
				Name: "proof", Image: r.image, ImagePullPolicy: corev1.PullIfNotPresent,
				Command: []string{bridge.ProgramPath, "probe", "--targets=" + targetsDir + "/" + targetsKey},
				// A file, as a variable may have 128 KiB: authorities have more.
				VolumeMounts: []corev1.VolumeMount{{Name: "targets", MountPath: targetsDir, ReadOnly: true}},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
					Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("96Mi")},
					Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
				},
			}},
		},
	}
	if r.node != "" {
		pod.Spec.NodeSelector = map[string]string{corev1.LabelHostname: r.node}
		// A cluster may have no other node.
		pod.Spec.Tolerations = []corev1.Toleration{{Key: "node-role.kubernetes.io/control-plane", Operator: corev1.TolerationOpExists}}
	}
	if callable {
		c := &pod.Spec.Containers[0]
		c.Command = append(c.Command, fmt.Sprintf("--listen=:%d", listenPort))
		c.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: listenPort}}
	}
	return pod
}
