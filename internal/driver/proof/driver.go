// Package proof is the driver of components that make nothing: a pod runs a
// script once, where an application would run, and what it answers is the proof.
//
// Its credentials come from a Secret that lives as long as the pod, never from
// its command line, which everybody who may read pods can see.
package proof

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/ready"
)

// cleanupTimeout bounds the removal of pod and Secret, which also happens when
// the run was cancelled: an interrupt has to be answered within 7 s.
const cleanupTimeout = 5 * time.Second

// Driver is the [engine.Driver] for proofs.
type Driver struct{}

// Settings are what component.yaml may say.
type Settings struct {
	Script     string            `yaml:"script"`      // file of the component's directory, run by the image's sh
	EnvSecrets map[string]string `yaml:"env-secrets"` // environment variable -> name of a generated credential
	Env        map[string]string `yaml:"env"`         // environment variable -> value
}

// run is one run of a proof.
type run struct {
	name, namespace, image, id, script string
	env                                map[string]string
	secrets                            map[string]string // environment variable -> value
}

// Apply runs the proof; its outcome is always [engine.Checked].
func (d Driver) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	r, err := prepare(c, env, newID())
	if err != nil {
		return "", err
	}
	cfg, err := apply.Load(env.Kubeconfig)
	if err != nil {
		return "", err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return "", fmt.Errorf("kubernetes client: %w", err)
	}
	start := time.Now()
	answer, err := r.execute(ctx, client, env.Progress)
	if apply.IsTransient(err) {
		return "", engine.Transient(err)
	}
	if err != nil {
		return "", err
	}
	env.Progress(fmt.Sprintf("%s (pod and all: %d ms)", answer, time.Since(start).Milliseconds()))
	return engine.Checked, nil
}

// Remove has nothing to remove: a proof leaves nothing behind.
func (d Driver) Remove(context.Context, catalog.Component, engine.Env) (engine.Outcome, error) {
	return engine.Unchanged, nil
}

func newID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// prepare checks the component and gathers what the run needs.
func prepare(c catalog.Component, env engine.Env, id string) (run, error) {
	var s Settings
	if err := c.DecodeSettings(&s); err != nil {
		return run{}, err
	}
	if c.Namespace == "" || len(c.Images) != 1 {
		return run{}, exit.BadInputf("component %s: a proof needs a namespace and exactly one image", c.Name)
	}
	script, err := fs.ReadFile(c.Files, s.Script)
	if err != nil {
		return run{}, exit.BadInputf("component %s: settings.script is %q: %w", c.Name, s.Script, err)
	}
	r := run{
		name: c.Name + "-" + id, namespace: c.Namespace, image: env.Lock.Pin(c.Images[0]), id: id, script: string(script),
		env: map[string]string{"PROOF_ID": id}, secrets: map[string]string{},
	}
	for name, value := range s.Env {
		r.env[name] = value
	}
	for name, key := range s.EnvSecrets {
		value, ok := env.Secrets[key]
		if !ok {
			return run{}, exit.BadInputf("component %s: settings.env-secrets asks for %q, which is not in its list of secrets", c.Name, key)
		}
		r.secrets[name] = value
	}
	return r, nil
}

// execute makes Secret and pod, waits for the pod's end and returns the last
// line it printed. Both are removed whatever happens.
func (r run) execute(ctx context.Context, client kubernetes.Interface, progress func(string)) (answer string, err error) {
	defer func() {
		if cleanErr := r.clean(ctx, client); err == nil {
			err = cleanErr
		}
	}()
	if err := r.create(ctx, client); err != nil {
		return "", err
	}
	pod, err := (&ready.Cluster{Client: client}).Ended(ctx, r.namespace, r.name, progress)
	if err != nil {
		return "", err
	}
	raw, err := client.CoreV1().Pods(r.namespace).GetLogs(r.name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("read the log of pod %s/%s: %w", r.namespace, r.name, err)
	}
	answer = lastLine(string(raw))
	if pod.Status.Phase != corev1.PodSucceeded {
		if answer == "" {
			answer = "it printed nothing; " + pod.Status.Reason + pod.Status.Message
		}
		return "", fmt.Errorf("the proof does not hold: %s", answer)
	}
	return answer, nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if len(last) > 300 {
		last = strings.ToValidUTF8(last[:300], "") + "…"
	}
	return last
}
