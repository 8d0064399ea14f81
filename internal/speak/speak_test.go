package speak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/dns"
	"github.com/buenhyden/hy-home/internal/testkit"
	"github.com/buenhyden/hy-home/testbed/servers"
)

// serve answers each connection at a port of its own.
func serve(t *testing.T, answer func(net.Conn)) (port int) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				answer(c)
			})
		}
	})
	return l.Addr().(*net.TCPAddr).Port
}

// saying is a server of something else: it says its text and nothing more.
func saying(t *testing.T, text string) int {
	return serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	})
}

// talk is one conversation at a port of this machine, held a single time.
type talk struct {
	name        string
	port        int
	target      Target
	hosts       map[string]netip.Addr
	said, fault string
	final       bool // asking again would not help
}

var loopback = netip.MustParseAddr("127.0.0.1")

func (c talk) run(t *testing.T, p catalog.Protocol) {
	t.Run(c.name, func(t *testing.T) {
		c.target.Endpoint, c.target.Protocol, c.target.Port = "x", p, c.port
		if c.target.Name == "" {
			c.target.Name = "localhost"
		}
		a, err := Once(context.Background(), c.target, c.hosts)
		if !strings.Contains(a.Said, c.said) || (a.Fault == "") != (c.fault == "") || !strings.Contains(a.Fault, c.fault) {
			t.Errorf("said %q, fault %q; want %q, %q", a.Said, a.Fault, c.said, c.fault)
		}
		if isFinal(err) != c.final {
			t.Errorf("%q is final: %v, want %v", a.Fault, !c.final, c.final)
		}
		if want := fmt.Sprintf("127.0.0.1:%d", c.port); c.fault == "" && a.Address != want {
			t.Errorf("address %q, want %q", a.Address, want)
		}
	})
}

// overTLS are the cases that every protocol has over TLS: right is a target that
// holds at the port of start's server, and starts are needed for other certificates.
func overTLS(t *testing.T, p catalog.Protocol, right Target, said string, start func(*servers.Identity) int) {
	ours, others := servers.NewAuthority(t, "Acme root"), servers.NewAuthority(t, "Globex root")
	with := func(change func(*Target)) Target {
		r := right
		r.TLS, r.CA = true, ours.PEM
		change(&r)
		return r
	}
	port := start(ours.Issue(t, "localhost", "127.0.0.1"))
	for _, c := range []talk{
		{name: "over TLS", port: port, target: with(func(*Target) {}), said: said},
		{name: "an authority that is not ours", port: port, target: with(func(r *Target) { r.CA = others.PEM }), final: true,
			fault: `its certificate is not trusted: the certificate of the authority "CN=Acme root" has to be in ca-file`},
		{name: "public authorities", port: port, target: with(func(r *Target) { r.CA = "" }), final: true, fault: `"CN=Acme root" has to be in ca-file`},
		{name: "another name", port: port, target: with(func(r *Target) { r.ServerName = "db.acme.example" }), final: true,
			fault: "its certificate is for localhost, 127.0.0.1 and not for db.acme.example"},
		{name: "no authority at all", port: port, target: with(func(r *Target) { r.CA = "none" }), final: true, fault: "ca-file holds no certificate"},
	} {
		c.run(t, p)
	}
	named := start(ours.Issue(t, "db.acme.example", "localhost", "127.0.0.1"))
	talk{name: "by a Service's name", port: named, said: said, hosts: map[string]netip.Addr{"db-external": loopback},
		target: with(func(r *Target) { r.Name, r.ServerName = "db-external", "db.acme.example" })}.run(t, p)
	talk{name: "a certificate that has ended", port: start(ours.Expired(t, "localhost")), target: with(func(*Target) {}), final: true,
		fault: "its certificate is not valid: certificate has expired"}.run(t, p)
}

func TestTCP(t *testing.T) {
	quiet := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	hangsUp := serve(t, func(net.Conn) {})
	for _, c := range []talk{
		{name: "quiet", port: quiet, said: "open"},
		{name: "hangs up", port: hangsUp, fault: "closed at once"},
		{name: "closed", port: servers.Port(t), fault: "connection refused"},
		{name: "TLS to who has none", port: saying(t, "220 smtp.acme.example\r\n"), target: Target{TLS: true}, fault: "it speaks no TLS at this port", final: true},
	} {
		c.run(t, catalog.TCP)
	}
	talk{name: "nobody speaks it", port: quiet, fault: "nobody here speaks smtp", final: true}.run(t, "smtp")
}

// Who tries again has to know how long that makes sense.
func TestOnce_TellsAnUnknownNameFromOneThatCannotBeLookedUp(t *testing.T) {
	for code, fault := range map[dnsmessage.RCode]string{
		dnsmessage.RCodeNameError:     "the name db.acme.example is unknown",
		dnsmessage.RCodeServerFailure: "resolve db.acme.example: lookup db.acme.example on ",
	} {
		testkit.DNS(t, code)
		a, err := Once(t.Context(), Target{Endpoint: "x", Protocol: catalog.TCP, Name: "db.acme.example", Port: 1}, nil)
		unknown := (*dns.UnknownError)(nil)
		if !strings.HasPrefix(a.Fault, fault) || isFinal(err) || errors.As(err, &unknown) != (code == dnsmessage.RCodeNameError) {
			t.Errorf("%s: %q, %v", code, a.Fault, err)
		}
	}
}

// What passes by itself is asked again; what does not, is not.
func TestOne_AsksAgainOnlyWhatPasses(t *testing.T) {
	var calls, asked atomic.Int32
	port := serve(t, func(c net.Conn) {
		if calls.Add(1) > 1 {
			_, _ = io.Copy(io.Discard, io.LimitReader(c, 1))
		}
	})
	a := one(context.Background(), Target{Name: "localhost", Protocol: catalog.TCP, Port: port}, time.Minute, make(chan struct{}, 1))
	if n := calls.Load(); a.Fault != "" || n < 2 {
		t.Errorf("fault %q after %d calls", a.Fault, n)
	}
	port = serve(t, func(c net.Conn) {
		asked.Add(1)
		_, _ = io.WriteString(c, "220 smtp.acme.example\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
	if a := one(context.Background(), Target{Name: "localhost", Protocol: catalog.TCP, Port: port, TLS: true}, time.Minute, make(chan struct{}, 1)); a.Fault == "" || asked.Load() != 1 {
		t.Errorf("what will not change was asked %d times: %q", asked.Load(), a.Fault)
	}
}

func TestAll_AnswersInOrder(t *testing.T) {
	port := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	answers := All(context.Background(), []Target{
		{Endpoint: "a", Name: "localhost", Protocol: catalog.TCP, Port: port},
		{Endpoint: "b", Name: "127.0.0.1", Protocol: catalog.TCP, Port: port},
	})
	if len(answers) != 2 || answers[0].Endpoint != "a" || answers[1].Endpoint != "b" || answers[1].Address != fmt.Sprintf("127.0.0.1:%d", port) || answers[0].Took <= 0 {
		t.Errorf("got %+v", answers)
	}
}
