package catalog

import (
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
)

// AccessFaults are the mistakes in how an endpoint's clients get in, TLS and
// credentials, as sentences without its name.
func (e Endpoint) AccessFaults() (faults []string) {
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	password := e.Secrets[Password] != ""
	for part := range e.Secrets {
		want(slices.Contains(secretParts, part), "secrets has %q, want one of %s", part, strings.Join(secretParts, ", "))
	}
	want(e.TLS || e.CAFile == "", "ca-file is given, but tls is not set")
	want(e.TLS || e.ServerName == "", "server-name is given, but tls is not set")
	if e.SASL != "" {
		want(slices.Contains(saslMechanisms, e.SASL), "sasl is %q, want one of %v", e.SASL, saslMechanisms)
		want(e.Protocol == Kafka, "sasl is for Kafka, and the protocol is %s", e.Protocol)
		want(e.User != "" && password, "sasl needs a user, and a password in secrets")
	}
	if e.Protocol == Kafka && e.SASL == "" {
		want(e.User == "" && !password, "Kafka takes a user and a password by sasl only: say which of %v", saslMechanisms)
	}
	if e.Protocol == HTTP {
		want((e.User != "") == password, "HTTP wants a user and a password in secrets, or neither")
	}
	want(e.Protocol == S3 || e.Region == "", "region is for S3, and the protocol is %s", e.Protocol)
	want(e.Protocol == S3 || e.Bucket == "", "bucket is for S3, and the protocol is %s", e.Protocol)
	want((e.Secrets[AccessKey] != "") == (e.Secrets[SecretKey] != ""), "secrets has one of access-key and secret-key, want both or neither")
	want(e.Bucket == "" || e.Secrets[AccessKey] != "", "an object is put into the bucket, for which secrets needs access-key and secret-key")
	return faults
}

// HasCertificate reports whether a text has a certificate in PEM.
func HasCertificate(text []byte) bool {
	for {
		block, rest := pem.Decode(text)
		if block == nil || block.Type == "CERTIFICATE" {
			return block != nil
		}
		text = rest
	}
}
