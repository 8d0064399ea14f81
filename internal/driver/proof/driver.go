// Package proof is the driver of components that make nothing: this very program
// runs once in a pod, where an application would run, and speaks to every endpoint
// of the data tier in its protocol; what it answers is the proof.
//
// The program itself is the client, as anything else would prove less or need
// more: a port-forward enters a pod's network from outside and never leaves it
// through the pod's resolver and routes, and an image per protocol would have to
// be in reach of the cluster. It is put into one node of our own as an image,
// once per build of it; a cluster of others needs an image that holds it.
//
// While it runs, a container of the data tier calls it back at a port of a node,
// by the node's name: the way that data services reach the cluster.
//
// Credentials come from a Secret that lives as long as the pod, never from its
// command line, which everybody who may read pods can see.
package proof

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/bridge"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/ready"
	"github.com/buenhyden/hy-home/internal/speak"
)

// Driver is the [engine.Driver] for proofs.
type Driver struct {
	Docker  func(context.Context) (bridge.Docker, error)
	Program func() (string, error) // path of this program

	mu     sync.Mutex
	tables map[string]engine.Table // of the last run, by component
}

// Settings are what component.yaml may say.
type Settings struct {
	Network string `yaml:"network"` // the data tier's Docker network
	Image   string `yaml:"image"`   // holds this program at /hyaction; for clusters whose nodes are not ours
}

// Apply runs the proof; its outcome is always [engine.Checked].
func (d *Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	var s Settings
	if err := c.DecodeSettings(&s); err != nil {
		return "", err
	}
	ways := waysTo(env.Components, env.Secrets)
	if len(ways) == 0 {
		env.Progress("no endpoint of the data tier is exposed")
		return engine.Checked, nil
	}
	cfg, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return "", err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return "", fmt.Errorf("kubernetes client: %w", err)
	}
	r := run{
		name: c.Name + "-" + newID(), namespace: c.Namespace, image: s.Image,
		platform: env.Name, progress: env.Progress,
	}
	all := targets(ways)
	if r.targets, err = speak.Pack(all); err != nil {
		return "", fmt.Errorf("write the targets: %w", err)
	}
	r.count = len(all)
	side, err := d.place(ctx, env, s, &r)
	if err != nil {
		return "", err
	}
	answers, back, err := r.execute(ctx, client, side)
	if apply.IsTransient(err) {
		return "", engine.Transient(err)
	}
	if err != nil {
		return "", err
	}
	d.keep(c.Name, table(c.Name, ways, answers, back))
	return engine.Checked, judge(ways, answers, back, env.Progress)
}

func (d *Driver) keep(component string, t engine.Table) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tables == nil {
		d.tables = map[string]engine.Table{}
	}
	d.tables[component] = t
}

// Account is what every endpoint answered, and how fast.
func (d *Driver) Account(_ context.Context, c catalog.Component, _ engine.Env) (engine.Table, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tables[c.Name], nil
}

// Remove has nothing to remove: a proof leaves nothing behind.
func (d *Driver) Remove(context.Context, catalog.Component, engine.Env) (engine.Outcome, error) {
	return engine.Unchanged, nil
}

// Preflight finds out whether there will be an image to run: at the last gate it
// would be late to say so.
func (d *Driver) Preflight(_ context.Context, cs []catalog.Component, env engine.Env) error {
	for _, c := range cs {
		var s Settings
		if err := c.DecodeSettings(&s); err != nil {
			return err
		}
		if s.Image == "" && !has(env, "cluster") && len(waysTo(env.Components, nil)) > 0 {
			return exit.BadInputf("proof-image is empty: name an image that holds this hyaction at %s for %s, as the cluster's nodes are not ours to put it on", bridge.ProgramPath, c.Name)
		}
	}
	return nil
}

func has(env engine.Env, driver string) bool {
	return slices.ContainsFunc(env.Components, func(c catalog.Component) bool { return c.Driver == driver })
}

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
