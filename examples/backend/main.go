// Command backend is the example service: small, without dependencies, and able
// to fail on purpose, so that a release of it can be seen to go well or badly.
//
//	backend                               serves on $PORT
//	backend load -url http://backend -rate 20   sends requests at a steady rate
//
// The service is set up by the environment: PORT (8080), VERSION (dev),
// FAIL_RATIO (0), the share of requests to / from 0 to 1 that get a 500, and
// POD_TEMPLATE_HASH, the revision that its metrics carry.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) > 1 && os.Args[1] == "load" {
		err = runLoad(ctx, os.Args[2:])
	} else {
		err = runServer(ctx, os.Getenv)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatal(err)
	}
}

func runServer(ctx context.Context, getenv func(string) string) error {
	ratio, err := strconv.ParseFloat(or(getenv("FAIL_RATIO"), "0"), 64)
	if err != nil || !(ratio >= 0 && ratio <= 1) {
		return fmt.Errorf("FAIL_RATIO is %q: it must be a number from 0 to 1", getenv("FAIL_RATIO"))
	}
	s := newService(or(getenv("VERSION"), "dev"), getenv("POD_TEMPLATE_HASH"), ratio)
	l, err := net.Listen("tcp", ":"+or(getenv("PORT"), "8080"))
	if err != nil {
		return err
	}
	log.Printf("version %s (revision %s) serves on %s, FAIL_RATIO %g", s.version, s.revision, l.Addr(), ratio)
	return serve(ctx, l, s.handler(), func() { s.stopping.Store(true) })
}

// serve answers until the context ends, then calls stopping and gives requests
// that are under way 10 s to get their answer.
func serve(ctx context.Context, l net.Listener, h http.Handler, stopping func()) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	stopping()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

func runLoad(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	url := flags.String("url", "", "address to ask")
	rate := flags.Float64("rate", 20, "requests per second")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *url == "" || !(*rate > 0 && *rate <= 10_000) {
		return errors.New("load: give -url and a -rate over 0, at most 10000")
	}
	log.Printf("%g requests per second to %s", *rate, *url)
	l := newLoad(*url)
	report := time.NewTicker(10 * time.Second)
	defer report.Stop()
	go func() {
		for range report.C {
			log.Print(l.String())
		}
	}()
	l.run(ctx, time.Duration(float64(time.Second) / *rate))
	log.Print(l.String())
	return nil
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
