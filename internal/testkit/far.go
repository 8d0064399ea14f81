package testkit

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Far is the way to a server on the other side of the internet: over TLS, each way of it
// taking time, with all counted that crosses it.
type Far struct {
	Address string         // host and port
	CA      *x509.CertPool // that the server's certificate there is of
	CAFile  string
	// Connections that were opened, and Bytes both ways, with TLS.
	Connections, Bytes atomic.Int64
	// Trips are the round trips that the client waited for: one to open each connection, and one
	// for each time that it is answered.
	Trips atomic.Int64
	// Slow are those beside them for which TCP keeps back the rest of what is sent: it begins
	// with ten segments on their way (RFC 6928), and with twice as many each time. They are
	// reckoned from the bytes, as loopback has no such thing.
	Slow atomic.Int64

	target string
	delay  time.Duration // each way
}

// NewFar makes a server, at a host and port, a far one.
func NewFar(t testing.TB, target string, delay time.Duration) *Far {
	t.Helper()
	identity := httptest.NewUnstartedServer(nil) // for its certificate
	identity.StartTLS()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: identity.Certificate().Raw})
	config := &tls.Config{Certificates: identity.TLS.Certificates, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true}
	identity.Close()
	f := &Far{CA: x509.NewCertPool(), CAFile: filepath.Join(t.TempDir(), "ca.pem"), target: target, delay: delay}
	f.CA.AppendCertsFromPEM(authority)
	if err := os.WriteFile(f.CAFile, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f.Address = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the test has ended
			}
			go f.carry(c, config)
		}
	}()
	return f
}

// carry is one connection: the client's bytes go through the far way to TLS, and what that
// gives to the server.
func (f *Far) carry(client net.Conn, config *tls.Config) {
	f.Connections.Add(1)
	f.Trips.Add(1)
	near, end := net.Pipe()
	there := tls.Server(end, config)
	server, err := net.Dial("tcp", f.target)
	if err != nil {
		_ = errors.Join(client.Close(), near.Close())
		return
	}
	var all sync.WaitGroup
	pipe := func(to, from net.Conn, pass func(io.Writer, io.Reader)) {
		all.Go(func() {
			pass(to, from)
			_ = to.Close() // the other way ends with it
		})
	}
	w := way{Far: f}
	straight := func(to io.Writer, from io.Reader) { _, _ = io.Copy(to, from) }
	pipe(near, client, func(to io.Writer, from io.Reader) { w.pass(to, from, w.sent, func(int) {}) })
	pipe(client, near, func(to io.Writer, from io.Reader) { w.pass(to, from, func(int) {}, w.seen) })
	pipe(server, there, straight)
	pipe(there, server, straight)
	all.Wait()
	w.sent(0) // what the server said last
}

// way is what one connection knows of its past.
type way struct {
	*Far
	mu       sync.Mutex
	asked    bool // the client has sent something since it was answered
	up, down flight
}

// flight is what one side has sent since the other one answered.
type flight struct{ bytes, window int }

// land tells how many round trips more than one the bytes took.
func (f *flight) land() (more int) {
	const begin = 10 * 1460
	f.window = max(f.window, begin)
	for f.bytes -= f.window; f.bytes > 0; f.bytes -= f.window {
		f.window *= 2
		more++
	}
	f.bytes = 0
	return more
}

// sent notes what leaves the client.
func (w *way) sent(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.asked {
		w.asked = true
		w.Slow.Add(int64(w.down.land()))
	}
	w.Bytes.Add(int64(n))
	w.up.bytes += n
}

// seen notes what arrives at the client, which is an answer to what it sent before.
func (w *way) seen(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked {
		w.asked = false
		w.Trips.Add(1)
		w.Slow.Add(int64(w.up.land()))
	}
	w.Bytes.Add(int64(n))
	w.down.bytes += n
}

// pass carries bytes one way, which takes the delay.
func (w *way) pass(to io.Writer, from io.Reader, leave, arrive func(int)) {
	type parcel struct {
		text []byte
		due  time.Time
	}
	under := make(chan parcel, 1<<12)
	go func() {
		defer close(under)
		for {
			text := make([]byte, 32<<10)
			n, err := from.Read(text)
			if n > 0 {
				leave(n)
				under <- parcel{text[:n], time.Now().Add(w.delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range under {
		time.Sleep(time.Until(p.due)) // the distance
		arrive(len(p.text))           // before the other side can have answered
		if _, err := to.Write(p.text); err != nil {
			return
		}
	}
}
