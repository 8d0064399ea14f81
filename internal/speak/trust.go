package speak

import (
	"crypto/x509"
	"sync"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// trust decides whom certificates of this conversation may be signed by: those in
// the target's own file and nobody else, or the public authorities.
func (d *dialer) trust() error {
	if d.target.CA == "" {
		d.roots = public()
		return nil
	}
	d.roots = x509.NewCertPool()
	if !d.roots.AppendCertsFromPEM([]byte(d.target.CA)) {
		return refuse("ca-file holds no certificate")
	}
	return nil
}

// public are the authorities that this machine trusts. The image that a proof runs
// in holds this program and nothing else: there it is Mozilla's list, which most
// images bring along, from the library that Go's own team renews.
var public = sync.OnceValue(func() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err == nil && !pool.Equal(x509.NewCertPool()) {
		return pool
	}
	return embedded()
})

func embedded() *x509.CertPool {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		c, err := x509.ParseCertificate(root.Certificate)
		switch {
		case err != nil: // a test reads all of them
		case root.Constraint != nil:
			pool.AddCertWithConstraint(c, root.Constraint)
		default:
			pool.AddCert(c)
		}
	}
	return pool
}
