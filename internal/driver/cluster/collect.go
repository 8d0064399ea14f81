package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"sigs.k8s.io/kind/pkg/cluster/nodes"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// journalLines of a node's service are kept. A kubelet that cannot start says
// the same ten lines again and again; one that works writes some a second.
const journalLines = "1500"

// questions are what each node is asked, in order of use. kind's own export
// copies whole file systems of logs for the same, and knows no time limit.
var questions = []struct {
	file    string
	command []string
}{
	{"kubelet.log", []string{"journalctl", "--no-pager", "-n", journalLines, "-u", "kubelet.service"}},
	{"containers.txt", []string{"crictl", "ps", "--all"}},
	{"containerd.log", []string{"journalctl", "--no-pager", "-n", journalLines, "-u", "containerd.service"}},
	{"images.txt", []string{"crictl", "images"}},
	{"disk.txt", []string{"df", "-h"}},
}

// Collect hands over what each node's own services say; what the API server
// says is read elsewhere, as it may be what does not answer.
func (d Driver) Collect(ctx context.Context, _ catalog.Component, env engine.Env, write func(name, text string)) error {
	if _, err := d.Docker(ctx); err != nil {
		return err
	}
	list, err := newKind(env).nodes()
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	faults := make([]error, len(list))
	for i, n := range list {
		all.Go(func() { faults[i] = askNode(ctx, n, write) })
	}
	all.Wait()
	return errors.Join(faults...)
}

func askNode(ctx context.Context, n nodes.Node, write func(name, text string)) error {
	for i, q := range questions {
		var out bytes.Buffer
		err := n.CommandContext(ctx, q.command[0], q.command[1:]...).SetStdout(&out).SetStderr(&out).Run()
		if out.Len() > 0 {
			write(n.String()+"."+q.file, out.String())
		}
		if err != nil && i == 0 {
			// The container is not running: its console is all that is left.
			out.Reset()
			if n.SerialLogs(io.Writer(&out)) == nil {
				write(n.String()+".console.log", out.String())
			}
			return fmt.Errorf("node %s: %w", n, err)
		}
	}
	return nil
}
