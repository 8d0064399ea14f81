package catalog

import (
	"strings"
	"testing"
)

func TestValidate_Endpoints(t *testing.T) {
	const file = "components/db/component.yaml"
	for expose, want := range map[string]string{
		"{name: DB, protocol: tcp, hosts: [db], port: 1}":                                                                    "expose: name \"DB\" must be lower case",
		"{name: db, protocol: smtp, hosts: [db], port: 1}":                                                                   `expose db: protocol is "smtp", want one of [tcp http redis postgres kafka s3]`,
		"{name: db, protocol: tcp, port: 1}":                                                                                 "expose db: hosts is empty",
		"{name: db, protocol: tcp, hosts: [db.local], port: 1}":                                                              `expose db: host "db.local" must be a plain name`,
		"{name: db, protocol: tcp, hosts: [db], port: 70000}":                                                                "expose db: port is 70000",
		"{name: db, protocol: tcp, hosts: [db]}":                                                                             "expose db: port is 0",
		"{name: db, protocol: tcp, hosts: [db], port: 1, published: 5432}":                                                   "expose db: published is 5432, which is not in the component's ports",
		"{name: db, protocol: tcp, hosts: [db], port: 1, node-port: 30000}":                                                  "expose db: node-port is for the cluster tier",
		"{name: db, protocol: kafka, hosts: [db], port: 1}":                                                                  "expose db: Kafka always sends its clients",
		"{name: db, protocol: redis, hosts: [db], port: 1, ca-file: component.yaml}":                                         `ca-file "component.yaml" is no file of the component with a certificate in PEM`,
		"{name: db, protocol: redis, hosts: [db], port: 1, ca-file: lost.pem}":                                               `ca-file "lost.pem" is no file of the component`,
		"{name: db, protocol: redis, hosts: [db], port: 1, server-name: a.example}":                                          "expose db: server-name is given, but tls is not set",
		"{name: db, protocol: kafka, hosts: [db], port: 1, clustered: true, sasl: gssapi, user: a, secrets: {password: pw}}": `expose db: sasl is "gssapi", want one of [plain scram-sha-256 scram-sha-512]`,
		"{name: db, protocol: kafka, hosts: [db], port: 1, clustered: true, sasl: plain}":                                    "expose db: sasl needs a user, and a password in secrets",
		"{name: db, protocol: kafka, hosts: [db], port: 1, clustered: true, user: a, secrets: {password: pw}}":               "expose db: Kafka takes a user and a password by sasl only",
		"{name: db, protocol: redis, hosts: [db], port: 1, sasl: plain, user: a, secrets: {password: pw}}":                   "expose db: sasl is for Kafka, and the protocol is redis",
		"{name: db, protocol: http, hosts: [db], port: 1, user: a}":                                                          "expose db: HTTP wants a user and a password in secrets, or neither",
		"{name: db, protocol: http, hosts: [db], port: 1, region: eu-west-1}":                                                "expose db: region is for S3, and the protocol is http",
		"{name: db, protocol: redis, hosts: [db], port: 1, bucket: a}":                                                       "expose db: bucket is for S3, and the protocol is redis",
		"{name: db, protocol: s3, hosts: [db], port: 1, bucket: a}":                                                          "expose db: an object is put into the bucket, for which secrets needs access-key and secret-key",
		"{name: db, protocol: s3, hosts: [db], port: 1, secrets: {access-key: pw}}":                                          "expose db: secrets has one of access-key and secret-key",
		"{name: db, protocol: postgres, hosts: [db], port: 1, secrets: {pass: db-pass}}":                                     `expose db: secrets has "pass", want one of password`,
		"{name: db, protocol: postgres, hosts: [db], port: 1, secrets: {password: x}}":                                       `expose db: secret "x" is not in the component's secrets`,
	} {
		_, err := Load(tree(file, good+"expose:\n  - "+expose+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v\nwant %q", expose, err, want)
		}
	}
	if _, err := Load(tree(file, good+"secrets: [pw]\nports: [5432]\nexpose:\n  - {name: db, protocol: postgres, hosts: [db], port: 5432, published: 5432, user: app, secrets: {password: pw}}\n")); err != nil {
		t.Errorf("a right one: %v", err)
	}
}

func TestEndpoint_Address(t *testing.T) {
	for _, tt := range []struct {
		e    Endpoint
		want string
	}{
		{Endpoint{Protocol: HTTP, Port: 9090}, "http://a:9090,http://b:9090"},
		{Endpoint{Protocol: S3, Port: 443, TLS: true}, "https://a:443,https://b:443"},
		{Endpoint{Protocol: Redis, Port: 6379}, "a:6379,b:6379"},
	} {
		if got := tt.e.Addresses([]string{"a", "b"}); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestLoad_ReadsTheAuthoritiesOfAnEndpoint(t *testing.T) {
	const text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	cat, err := Load(tree("components/db/component.yaml", good+"expose:\n  - {name: db, protocol: postgres, hosts: [db], port: 5432, tls: true, ca-file: ca.pem}\n", "components/db/ca.pem", text))
	if err != nil {
		t.Fatal(err)
	}
	if c, _ := cat.Component("db"); !c.Expose[0].TLS || c.Expose[0].CA != text {
		t.Errorf("got %+v", c.Expose[0])
	}
}

// A component that takes another one's place answers to its endpoint's name.
func TestValidate_EndpointsAreUniqueInAProfile(t *testing.T) {
	const expose = "expose: [{name: a, protocol: tcp, hosts: [x], port: 1}]\n"
	two := []string{"components/net/component.yaml", network + expose, "components/db/component.yaml", strings.Replace(good, "needs: [{name: net, why: it lives there}]\n", "", 1) + expose}
	apart := []string{"profiles/all.yaml", "name: all\ndescription: x\ncomponents: [net]\n", "profiles/other.yaml", "name: other\ndescription: x\ncomponents: [db]\n"}
	if _, err := Load(tree(append(two, apart...)...)); err != nil {
		t.Errorf("in profiles of their own: %v", err)
	}
	_, err := Load(tree(two...))
	if want := "profiles/all.yaml: net and db both expose the endpoint a: leave one of them out"; err == nil || err.Error() != want {
		t.Errorf("in one profile: got %v, want %s", err, want)
	}
}
