package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/exec"
)

// withCause adds to err the line of a node's own log that says why, if one does:
// kind's error is that a command ended with 1.
func withCause(ctx context.Context, err error, have []nodes.Node) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, n := range have {
		if cause := nodeCause(ctx, n); cause != "" {
			return fmt.Errorf("%w: %s: %s", err, n, cause)
		}
	}
	return err
}

func nodeCause(ctx context.Context, n nodes.Node) string {
	var kubelet bytes.Buffer
	if err := n.CommandContext(ctx, "journalctl", "--no-pager", "-o", "cat", "-n", "400", "-u", "kubelet.service").SetStdout(&kubelet).Run(); err == nil {
		return kubeletCause(kubelet.String())
	}
	// The container is not running: its console says why.
	var console bytes.Buffer
	if err := n.SerialLogs(&console); err != nil {
		return ""
	}
	return lastLine(console.String())
}

// fatal are the kubelet's words for what it does not survive, worst first.
var fatal = []*regexp.Regexp{
	regexp.MustCompile(`"command failed" err="(.+)"`),
	regexp.MustCompile(`[Ff]ailed to run [Kk]ubelet.*err="(.+)"`),
	regexp.MustCompile(`^F\d{4} .*?\] (.+)$`),
	regexp.MustCompile(`^E\d{4} .*CreatePodSandbox.*err="(.+)"`),
	regexp.MustCompile(`^E\d{4} .*container runtime.*err="(.+)"`),
}

// kubeletCause finds the last line of a kubelet's log that tells a fatal error.
func kubeletCause(log string) string {
	lines := strings.Split(log, "\n")
	for _, re := range fatal {
		for i := len(lines) - 1; i >= 0; i-- {
			if m := re.FindStringSubmatch(lines[i]); m != nil {
				return "kubelet: " + shorten(strings.ReplaceAll(m[1], `\"`, `"`))
			}
		}
	}
	return ""
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return shorten(strings.TrimSpace(lines[len(lines)-1]))
}

func shorten(s string) string {
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

// plain is what a command that kind ran printed last, in place of kind's
// "command ... failed with error: exit status 1".
func plain(err error) error {
	var run *exec.RunError
	if !errors.As(err, &run) || len(bytes.TrimSpace(run.Output)) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", err, lastLine(string(run.Output)))
}
