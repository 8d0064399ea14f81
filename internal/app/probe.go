package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/speak"
)

// probe is what a proof runs in a pod or in a container of the data tier: it is
// no command for people. What to speak to comes by a file or the environment, as it
// holds passwords; what was answered goes to stdout as one line of JSON.
func (p *program) probe() *cobra.Command {
	var listen, file string
	cmd := p.command("probe", "Speak to each of the targets in its protocol, for a proof",
		func(ctx context.Context, rt *Runtime, _ []string) error {
			text := []byte(rt.Getenv("HYACTION_TARGETS"))
			if file != "" {
				var err error
				if text, err = os.ReadFile(file); err != nil {
					return exit.BadInputf("targets: %w", err)
				}
			}
			targets, err := speak.Unpack(text)
			if err != nil {
				return exit.BadInputf("there are no targets: hyaction setup-platform starts this command where it is needed")
			}
			called := make(chan struct{})
			if listen != "" {
				close, err := answerOnce(ctx, listen, called)
				if err != nil {
					return err
				}
				defer close()
			}
			if err := json.NewEncoder(p.stdout).Encode(speak.All(ctx, targets)); err != nil {
				return err
			}
			if listen == "" {
				return nil
			}
			select {
			case <-called:
			case <-ctx.Done():
			case <-time.After(callTimeout):
			}
			return nil
		})
	cmd.Hidden = true
	cmd.Flags().StringVar(&file, "targets", "", "read the targets from this file in place of HYACTION_TARGETS")
	cmd.Flags().StringVar(&listen, "listen", "", "answer one HTTP request at this address before ending")
	return cmd
}

// callTimeout is how long a pod waits for the other side's call: that side gives
// up after 45 s and says so itself.
const callTimeout = time.Minute

// answerOnce serves HTTP and closes called after the first answer.
func answerOnce(ctx context.Context, address string, called chan struct{}) (stop func(), err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	var once sync.Once
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			once.Do(func() { close(called) })
		}),
	}
	go func() { _ = server.Serve(l) }()
	return func() {
		// What is being answered right now is answered to its end.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	}, nil
}
