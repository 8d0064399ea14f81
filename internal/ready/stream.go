package ready

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// tryTimeout bounds one command or connection: one that hangs must not use up
// the component's whole time.
const tryTimeout = 10 * time.Second

// exec runs a command in every pod with a label until it says what is wanted.
func (c *Cluster) exec(namespace string, p catalog.ExecProbe) check {
	what := fmt.Sprintf("command in pods %s/%s", namespace, p.Pods)
	return asking(what, func(ctx context.Context) error {
		pods, err := c.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: p.Pods})
		if err != nil {
			return err
		}
		if len(pods.Items) == 0 {
			return errors.New("there is no such pod")
		}
		for _, pod := range pods.Items {
			out, err := c.run(ctx, pod, p.Container, p.Command)
			if err == nil {
				err = holds(out, p.Expect)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", pod.Name, err)
			}
		}
		return nil
	})
}

// run runs a command in a container and returns what it prints.
func (c *Cluster) run(ctx context.Context, pod corev1.Pod, container string, command []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	if container == "" && len(pod.Spec.Containers) > 0 {
		container = pod.Spec.Containers[0].Name
	}
	url := c.Client.CoreV1().RESTClient().Post().Namespace(pod.Namespace).Resource("pods").Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec).URL()
	// Web sockets from Kubernetes 1.31 on, SPDY before.
	sockets, err := remotecommand.NewWebSocketExecutor(c.Config, http.MethodGet, url.String())
	if err != nil {
		return "", finalError{err}
	}
	streams, err := remotecommand.NewSPDYExecutor(c.Config, http.MethodPost, url)
	if err != nil {
		return "", finalError{err}
	}
	executor, err := remotecommand.NewFallbackExecutor(sockets, streams, httpstream.IsUpgradeFailure)
	if err != nil {
		return "", finalError{err}
	}
	var stdout, stderr bytes.Buffer
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	var exit utilexec.CodeExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("the command ended with code %d: %s", exit.Code, oneLine(stderr.String()+stdout.String()))
	}
	return stdout.String(), err
}

// tcp opens a port of a pod behind a Service, through the API server.
func (c *Cluster) tcp(namespace string, p catalog.TCPProbe) check {
	what := fmt.Sprintf("tcp %s/%s", namespace, p.Service)
	name, port, _ := strings.Cut(p.Service, ":")
	return asking(what, func(ctx context.Context) error {
		pod, number, err := c.endpoint(ctx, namespace, name, port)
		if err != nil {
			return err
		}
		return c.speak(ctx, namespace, pod, number, p)
	})
}

// endpoint is a ready pod behind a Service's port, with the port that it listens on.
func (c *Cluster) endpoint(ctx context.Context, namespace, name, port string) (string, int32, error) {
	service, err := c.Client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", 0, err
	}
	portName, found := "", false
	for _, p := range service.Spec.Ports {
		if p.Name == port || strconv.Itoa(int(p.Port)) == port {
			portName, found = p.Name, true
		}
	}
	if !found {
		return "", 0, finalError{fmt.Errorf("the service has no port %s", port)}
	}
	slices, err := c.Client.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + name})
	if err != nil {
		return "", 0, err
	}
	for _, slice := range slices.Items {
		for _, p := range slice.Ports {
			if p.Port == nil || p.Name != nil && *p.Name != portName {
				continue
			}
			for _, e := range slice.Endpoints {
				if e.TargetRef != nil && e.TargetRef.Kind == "Pod" && e.Conditions.Ready != nil && *e.Conditions.Ready {
					return e.TargetRef.Name, *p.Port, nil
				}
			}
		}
	}
	return "", 0, errors.New("no endpoints available for service")
}

// refusal is how long the node may take to say that nothing listens on a port:
// it says so at once, and says nothing where something does.
const refusal = time.Second

// speak opens a port of a pod and hears whether it answers as wanted.
func (c *Cluster) speak(ctx context.Context, namespace, pod string, port int32, p catalog.TCPProbe) error {
	transport, upgrader, err := spdy.RoundTripperFor(c.Config)
	if err != nil {
		return finalError{err}
	}
	url := c.Client.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
	conn, _, err := spdy.NewDialer(upgrader, &http.Client{Transport: transport, Timeout: tryTimeout}, http.MethodPost, url).Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	header := http.Header{}
	header.Set(corev1.PortHeader, strconv.Itoa(int(port)))
	header.Set(corev1.PortForwardRequestIDHeader, "0")
	header.Set(corev1.StreamType, corev1.StreamTypeError)
	faults, err := conn.CreateStream(header)
	if err != nil {
		return err
	}
	_ = faults.Close() // nothing is sent on it
	header.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := conn.CreateStream(header)
	if err != nil {
		return err
	}
	refused := make(chan error, 1)
	go func() {
		if text, _ := io.ReadAll(faults); len(text) > 0 {
			refused <- errors.New(oneLine(string(text)))
		}
	}()
	if p.Expect == "" {
		select {
		case err := <-refused:
			return err
		case <-time.After(refusal):
			return nil
		}
	}
	answered := make(chan error, 1)
	go func() { answered <- converse(data, p) }()
	select {
	case err := <-refused:
		return err
	case err := <-answered:
		return err
	case <-time.After(tryTimeout):
		return fmt.Errorf("does not say %q within %s", p.Expect, tryTimeout)
	}
}

// converse sends what a probe says to send and reads until the answer holds
// what it expects.
func converse(conn io.ReadWriter, p catalog.TCPProbe) error {
	if _, err := io.WriteString(conn, p.Send); err != nil {
		return err
	}
	var got bytes.Buffer
	chunk := make([]byte, 512)
	for got.Len() < 64<<10 {
		n, err := conn.Read(chunk)
		got.Write(chunk[:n])
		if strings.Contains(got.String(), p.Expect) {
			return nil
		}
		if err != nil {
			break
		}
	}
	return holds(got.String(), []string{p.Expect})
}
