// Package portforward reaches a Service inside a cluster through the API server's
// port-forward, as `kubectl port-forward service/…` does: no Ingress, no exposed
// port, and what is asked arrives as it was sent, credentials included (the
// service proxy drops the Authorization header).
//
// Unlike kubectl it opens no port on this machine, which every other user of it
// could use: connections are handed to the caller, who is usually an http.Transport.
package portforward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"

	"golang.org/x/sync/singleflight"
)

// lookTimeout bounds how long a ready pod is looked for.
const lookTimeout = 10 * time.Second

// Service forwards connections to one port of a Service.
type Service struct {
	config          *rest.Config
	namespace, name string
	port            string // number or name

	opening singleflight.Group // of a session: connections that are asked for at once share one
	mu      sync.Mutex
	open    *session // the last one; may have ended
}

// To prepares the way to a Service; no call is made.
func To(config *rest.Config, namespace, name, port string) *Service {
	return &Service{config: config, namespace: namespace, name: name, port: port}
}

// DialContext opens a connection to a ready pod of the Service, whatever the
// address. All connections share one stream to the API server; when that has
// broken, or its pod has gone, the next connection opens another.
func (s *Service) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	open, err := s.session(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach service %s/%s: %w", s.namespace, s.name, err)
	}
	c, err := open.connect()
	if err != nil {
		return nil, fmt.Errorf("reach service %s/%s through pod %s: %w", s.namespace, s.name, open.pod, err)
	}
	return c, nil
}

// session is the open one, or a new one.
func (s *Service) session(ctx context.Context) (*session, error) {
	s.mu.Lock()
	open := s.open
	s.mu.Unlock()
	if open != nil && !open.ended() {
		return open, nil
	}
	// The dialers of client-go take no context: who asked may leave, the dial goes on.
	opened := s.opening.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
		defer cancel()
		open, err := s.dial(ctx)
		if err == nil {
			s.mu.Lock()
			s.open = open
			s.mu.Unlock()
		}
		return open, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-opened:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*session), nil
	}
}

// dial opens a session with the first ready pod that lets it.
func (s *Service) dial(ctx context.Context) (*session, error) {
	places, err := s.ready(ctx)
	if err != nil {
		return nil, err
	}
	var faults error
	for _, at := range places {
		conn, err := s.dialPod(at.pod)
		switch {
		case err == nil:
			return &session{Connection: conn, place: at}, nil
		case apierrors.IsForbidden(err):
			return nil, fmt.Errorf("no permission to forward ports in namespace %s: grant create on pods/portforward (%w)", s.namespace, err)
		}
		faults = errors.Join(faults, fmt.Errorf("forward to pod %s: %w", at.pod, err))
	}
	return nil, faults
}

// dialPod speaks WebSocket, which passes gateways that know nothing of SPDY. To an
// API server before Kubernetes 1.31, and where only the permission for it is
// given, it speaks SPDY, as kubectl does.
func (s *Service) dialPod(pod string) (httpstream.Connection, error) {
	base, _, err := rest.DefaultServerUrlFor(s.config)
	if err != nil {
		return nil, err
	}
	at := base.JoinPath("api/v1/namespaces", s.namespace, "pods", pod, "portforward")
	modern, err := portforward.NewSPDYOverWebsocketDialerForStreaming(at, s.config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(s.config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, at)
	conn, _, err := modern.Dial(portforward.PortForwardProtocolV1Name)
	if !httpstream.IsUpgradeFailure(err) && !httpstream.IsHTTPSProxyError(err) {
		return conn, err
	}
	first := err
	if conn, _, err = old.Dial(portforward.PortForwardProtocolV1Name); err != nil {
		var refused *httpstream.UpgradeFailureError
		if errors.As(first, &refused) && refused.Cause != nil {
			err = refused.Cause // a Status, where SPDY's is only text
		}
	}
	return conn, err
}
