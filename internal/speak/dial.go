package speak

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/dns"
)

// dialer opens every connection of a conversation, for the clients too, so that a
// fault says which step it was, and names mean what they mean here.
type dialer struct {
	target Target
	hosts  map[string]netip.Addr // names that are not looked up
	roots  *x509.CertPool        // nil without TLS

	mu      sync.Mutex
	address netip.AddrPort // the first that was resolved
}

// first is the address that the target's name resolved to, "" if it did not.
func (d *dialer) first() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.address.IsValid() {
		return ""
	}
	return d.address.String()
}

// dial opens a connection to the target, or to where the target sends its clients,
// ready to be spoken over.
func (d *dialer) dial(ctx context.Context, host string, port int) (net.Conn, error) {
	c, err := d.open(ctx, host, port)
	if err != nil || !d.target.TLS {
		return c, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	secure := tls.Client(c, d.tls(host))
	if err := secure.HandshakeContext(ctx); err != nil {
		c.Close()
		if timedOut(err) {
			return nil, passing("no answer to the beginning of TLS: does it speak TLS at this port?")
		}
		return nil, cause(err)
	}
	return secure, nil
}

// dialTo is [dialer.dial] in the form that clients take.
func (d *dialer) dialTo(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := split(address)
	if err != nil {
		return nil, err
	}
	return d.dial(ctx, host, port)
}

// open resolves and connects in two steps.
func (d *dialer) open(ctx context.Context, host string, port int) (net.Conn, error) {
	ip, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	address := netip.AddrPortFrom(ip, uint16(port))
	d.mu.Lock()
	if !d.address.IsValid() {
		d.address = address
	}
	d.mu.Unlock()
	c, err := new(net.Dialer).DialContext(ctx, "tcp4", address.String())
	if err != nil {
		return nil, passing("open %s at %s: %v", host, address, cause(err))
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	return c, nil
}

func (d *dialer) resolve(ctx context.Context, host string) (netip.Addr, error) {
	if ip, ok := d.hosts[host]; ok {
		return ip, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	var answer *net.DNSError
	switch {
	case errors.As(err, &answer) && answer.IsNotFound:
		return netip.Addr{}, &fault{text: fmt.Sprintf("the name %s is unknown", host), why: &dns.UnknownError{Host: host}}
	case err != nil:
		return netip.Addr{}, passing("resolve %s: %v", host, err)
	}
	return found[0].Unmap(), nil
}

// certified is the host that a certificate must be for.
func (d *dialer) certified(host string) string {
	if host == d.target.Name && d.target.ServerName != "" {
		return d.target.ServerName
	}
	return host
}

func (d *dialer) tls(host string) *tls.Config {
	return &tls.Config{RootCAs: d.roots, ServerName: d.certified(host), MinVersion: tls.VersionTLS12}
}

// handshake is how long TLS may take to begin: less than a try, so that this is what
// is told of who waits for the rest of what is no request to them.
const handshake = 3 * time.Second

// tlsAnswers is how soon a server that speaks TLS says so, on a
// connection that was open a moment ago.
const tlsAnswers = 2 * time.Second

// speaksTLS finds out whether the target does where a conversation without it has
// failed: many servers just hang up on those who do not begin with TLS. Nobody is
// trusted, and nothing is said over it.
func (d *dialer) speaksTLS(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, tlsAnswers)
	defer cancel()
	c, err := d.open(ctx, d.target.Name, d.target.Port)
	if err != nil {
		return false
	}
	defer c.Close()
	err = tls.Client(c, &tls.Config{RootCAs: x509.NewCertPool(), ServerName: d.target.Name, MinVersion: tls.VersionTLS12}).HandshakeContext(ctx)
	var untrusted *tls.CertificateVerificationError
	return errors.As(err, &untrusted)
}

func hostPort(host string, port int) string { return host + ":" + strconv.Itoa(port) }

// split takes "host:port" apart, where the port has to be one.
func split(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || port < 1 || port > 65535 {
		return "", 0, refuse("it sends its clients to %q", printable(address))
	}
	return host, port, nil
}
