package speak

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// fault is what is told of a conversation that failed. The clients wrap it in
// words of their own, which [cause] takes off again.
type fault struct {
	text    string
	final   bool // asking again will not change it
	strange bool // the answer is none of the protocol: it may be TLS
	why     error
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.why }

func refuse(format string, args ...any) error {
	return &fault{text: fmt.Sprintf(format, args...), final: true}
}

func passing(format string, args ...any) error { return &fault{text: fmt.Sprintf(format, args...)} }

// stranger is the refusal of what is another protocol.
func stranger(format string, args ...any) error {
	return &fault{text: fmt.Sprintf(format, args...), final: true, strange: true}
}

// mayBeTLS reports that the server did not say in the protocol what is wrong.
func mayBeTLS(err error) bool {
	var f *fault
	return !errors.As(err, &f) || f.strange
}

func isFinal(err error) bool {
	var f *fault
	return errors.As(err, &f) && f.final
}

// cause is what stands behind a client's error: what is known here of names,
// connections and certificates, else the client's own words.
func cause(err error) error {
	var (
		f     *fault
		op    *net.OpError
		alert tls.AlertError
		plain tls.RecordHeaderError
	)
	if told := certificate(err); told != nil {
		return told
	}
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &plain):
		return refuse("it speaks no TLS at this port")
	case errors.As(err, &alert) && alert != internalError:
		return refuse("it breaks TLS off: %s", strings.TrimPrefix(alert.Error(), "tls: "))
	case timedOut(err):
		return errors.New("no answer")
	case errors.As(err, &op):
		return op.Err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it closes the connection")
	}
	return err
}

func timedOut(err error) bool {
	var way net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &way) && way.Timeout()
}

// internalError is TLS's alert for what may pass, as a server that has not read
// its certificate yet (RFC 8446, section 6.2).
const internalError tls.AlertError = 80

// certificate says what is wrong with a server's, and what would mend it; nil if
// err is about none.
func certificate(err error) error {
	var of *tls.CertificateVerificationError
	if !errors.As(err, &of) || len(of.UnverifiedCertificates) == 0 {
		return nil
	}
	var (
		name x509.HostnameError
		ca   x509.UnknownAuthorityError
	)
	chain := of.UnverifiedCertificates
	switch {
	case errors.As(err, &name):
		return refuse("its certificate is for %s and not for %s", printable(names(chain[0])), name.Host)
	case errors.As(err, &ca):
		return refuse("its certificate is not trusted: the certificate of the authority %q has to be in ca-file", printable(chain[len(chain)-1].Issuer.String()))
	}
	return refuse("its certificate is not valid: %s", strings.TrimPrefix(of.Err.Error(), "x509: "))
}

// names lists whom a certificate is for.
func names(c *x509.Certificate) string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no host at all"
	}
	return strings.Join(all, ", ")
}

// printable is a server's text, cut to what fits into a table.
func printable(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == ' ' || r == '�' }), " ")
	if runes := []rune(s); len(runes) > 120 {
		s = string(runes[:120]) + "…"
	}
	return s
}
