// Command podnet is a node's part of the flat pod network: it tells the CNI
// plugins which addresses the node's pods get, keeps one route to every other
// node's pods, and hides pods behind their node where a packet leaves the
// network of pods.
//
// It needs nodes that share a link, as kind's do. It does not enforce
// NetworkPolicy: policies are accepted by the API server and have no effect.
//
// It speaks to the API server with the standard library alone: client-go would
// be the largest thing in a program that reads two fields of one resource.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// retry is how long to wait after the API server did not answer or hung up.
const retry = time.Second

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal("podnet: ", err)
	}
}

func run(ctx context.Context) error {
	api, err := inCluster(os.Getenv)
	if err != nil {
		return err
	}
	host := &network{self: os.Getenv("NODE_NAME"), done: map[string]string{}}
	if err := host.masquerade(ctx, os.Getenv("POD_SUBNET")); err != nil {
		return err
	}
	for ctx.Err() == nil {
		// A watch that ends is normal: the API server closes it after some minutes.
		if err := api.followNodes(ctx, func(n node) error { return host.sync(ctx, n) }); err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
	return ctx.Err()
}
