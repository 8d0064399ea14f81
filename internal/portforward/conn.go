package portforward

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/streaming/pkg/httpstream"
)

// place is where a Service's port is served.
type place struct {
	pod  string
	port int32
}

// session is one stream to the API server, which carries many connections.
type session struct {
	httpstream.Connection
	place
	requests atomic.Int64
}

func (s *session) ended() bool {
	select {
	case <-s.CloseChan():
		return true
	default:
		return false
	}
}

// connect opens a connection: a stream for the data, and one on which the
// kubelet says why it failed.
func (s *session) connect() (net.Conn, error) {
	headers := http.Header{}
	headers.Set(corev1.PortHeader, strconv.Itoa(int(s.port)))
	headers.Set(corev1.PortForwardRequestIDHeader, strconv.FormatInt(s.requests.Add(1), 10))
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	fault, err := s.CreateStream(headers)
	if err != nil {
		return nil, err
	}
	_ = fault.Close() // nothing is written to it
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := s.CreateStream(headers)
	if err != nil {
		s.RemoveStreams(fault)
		return nil, err
	}
	c := &conn{Stream: data, fault: fault, session: s, said: make(chan string, 1)}
	go func() {
		text, _ := io.ReadAll(io.LimitReader(fault, 4096))
		why := strings.TrimSpace(string(text))
		if why != "" {
			// The session outlives its pod: only connections fail. The next one looks for another pod.
			_ = s.Close()
		}
		c.said <- why
	}()
	return c, nil
}

// conn makes a net.Conn of a stream. Deadlines do nothing: http.Transport ends a
// request that takes too long by closing its connection.
type conn struct {
	httpstream.Stream
	fault   httpstream.Stream
	session *session
	said    chan string // the kubelet's last words, once
}

// Read reads from the pod. An end without data may be a refusal, which the
// kubelet says beside it.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Stream.Read(b)
	if n > 0 || !errors.Is(err, io.EOF) {
		return n, err
	}
	select {
	case why := <-c.said:
		c.said <- ""
		if why != "" {
			return 0, fmt.Errorf("pod %s: %s", c.session.pod, why)
		}
	case <-time.After(time.Second): // both streams end together; a lost one must not hang a reader
	}
	return 0, io.EOF
}

// Close ends the connection both ways.
func (c *conn) Close() error {
	err := c.Reset()
	_ = c.fault.Reset()
	c.session.RemoveStreams(c.Stream, c.fault)
	return err
}

func (c *conn) LocalAddr() net.Addr              { return address{} }
func (c *conn) RemoteAddr() net.Addr             { return address{c.session.place} }
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// address names one end of a forwarded connection.
type address struct{ place }

func (address) Network() string  { return "portforward" }
func (a address) String() string { return fmt.Sprintf("%s:%d", a.pod, a.port) }
