package proof

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/ready"
	"github.com/buenhyden/hy-home/internal/speak"
)

// place brings the program to where the proof runs. The answer is the side of
// Docker, or nil where there is no network that the nodes are on as well.
func (d *Driver) place(ctx context.Context, env engine.Env, s Settings, r *run) (*dockerSide, error) {
	if !has(env, "cluster") {
		return nil, nil
	}
	api, err := d.Docker(ctx)
	if err != nil {
		return nil, err
	}
	path, err := d.Program()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	side := &dockerSide{bridge.Bridge{Docker: api, Cluster: env.Name, Network: s.Network}, bridge.Program{Path: path}}
	nodes, err := side.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("cluster %s has no running node", env.Name)
	}
	if s.Image == "" {
		r.node = nodes[len(nodes)-1] // sorted: control planes come before workers
		env.Progress("putting hyaction on node " + r.node)
		if r.image, err = side.Load(ctx, r.node, side.program); err != nil {
			return nil, err
		}
	}
	if !has(env, "bridge") {
		return nil, nil
	}
	r.entry = nodes[0]
	return side, nil
}

// dockerSide is the data tier's end of the bridge.
type dockerSide struct {
	bridge.Bridge
	program bridge.Program
}

// call runs the program in a container, which calls a port of a node.
func (d *dockerSide) call(ctx context.Context, platform string, t speak.Target) (speak.Answer, error) {
	text, err := speak.Pack([]speak.Target{t})
	if err != nil {
		return speak.Answer{}, err
	}
	out, err := d.Run(ctx, platform+"-bridge-proof", d.program, bridge.Labels(platform), []string{"HYACTION_TARGETS=" + string(text)}, "probe")
	if err != nil {
		return speak.Answer{}, err
	}
	answers, err := read(out, 1)
	if err != nil {
		return speak.Answer{}, err
	}
	return answers[0], nil
}

func newID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// execute makes Secret, Service and pod, waits for the pod's end and returns what
// it was answered. All are removed whatever happens.
func (r run) execute(ctx context.Context, client kubernetes.Interface, side *dockerSide) (answers []speak.Answer, back *speak.Answer, err error) {
	defer func() {
		if cleanErr := r.clean(ctx, client); err == nil {
			err = cleanErr
		}
	}()
	port, err := r.create(ctx, client, side != nil)
	if err != nil {
		return nil, nil, err
	}
	calling, cancel := context.WithCancel(ctx)
	defer cancel()
	called := make(chan error, 1)
	if side != nil {
		go func() {
			t := speak.Target{Endpoint: "node port", Protocol: catalog.HTTP, Name: r.entry, Port: port}
			answer, err := side.call(calling, r.platform, t)
			back = &answer
			called <- err
		}()
	}
	answers, err = r.await(ctx, client)
	if err != nil {
		cancel() // nobody is there to be called
	}
	if side != nil {
		if callErr := <-called; err == nil && callErr != nil {
			err = fmt.Errorf("call the cluster from the data tier: %w", callErr)
		}
	}
	return answers, back, err
}

// await reads what the pod printed once it has ended.
func (r run) await(ctx context.Context, client kubernetes.Interface) ([]speak.Answer, error) {
	pod, err := (&ready.Cluster{Client: client}).Ended(ctx, r.namespace, r.name, r.progress)
	if err != nil {
		return nil, err
	}
	raw, err := client.CoreV1().Pods(r.namespace).GetLogs(r.name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of pod %s/%s: %w", r.namespace, r.name, err)
	}
	if pod.Status.Phase != corev1.PodSucceeded {
		return nil, fmt.Errorf("pod %s/%s failed: %s", r.namespace, r.name, lastLine(string(raw), pod.Status.Reason+pod.Status.Message))
	}
	return read(string(raw), r.count)
}

// read takes the answers out of what the program printed.
func read(out string, want int) ([]speak.Answer, error) {
	var answers []speak.Answer
	// Before it may be what a library had to complain of.
	trimmed := strings.TrimSpace(out)
	if err := json.Unmarshal([]byte(trimmed[strings.LastIndexByte(trimmed, '\n')+1:]), &answers); err != nil || len(answers) != want {
		return nil, errors.New("the proof gave no answers: " + lastLine(out, "it printed nothing"))
	}
	return answers, nil
}

func lastLine(s, instead string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" {
		return instead
	}
	if len(last) > 300 {
		last = strings.ToValidUTF8(last[:300], "") + "…"
	}
	return last
}

// cleanupTimeout bounds the removal of what was made, which also happens when the
// run was cancelled: an interrupt has to be answered within 7 s.
const cleanupTimeout = 5 * time.Second
