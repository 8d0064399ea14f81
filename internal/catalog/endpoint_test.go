package catalog

import (
	"strings"
	"testing"
)

func TestValidate_Endpoints(t *testing.T) {
	const file = "components/db/component.yaml"
	for expose, want := range map[string]string{
		"{name: DB, protocol: tcp, hosts: [db], port: 1}":                                "expose: name \"DB\" must be lower case",
		"{name: db, protocol: smtp, hosts: [db], port: 1}":                               `expose db: protocol is "smtp", want one of [tcp http redis postgres kafka s3]`,
		"{name: db, protocol: tcp, port: 1}":                                             "expose db: hosts is empty",
		"{name: db, protocol: tcp, hosts: [db.local], port: 1}":                          `expose db: host "db.local" must be a plain name`,
		"{name: db, protocol: tcp, hosts: [db], port: 70000}":                            "expose db: port is 70000",
		"{name: db, protocol: tcp, hosts: [db]}":                                         "expose db: port is 0",
		"{name: db, protocol: tcp, hosts: [db], port: 1, published: 5432}":               "expose db: published is 5432, which is not in the component's ports",
		"{name: db, protocol: tcp, hosts: [db], port: 1, node-port: 30000}":              "expose db: node-port is for the cluster tier",
		"{name: db, protocol: kafka, hosts: [db], port: 1}":                              "expose db: Kafka always sends its clients",
		"{name: db, protocol: postgres, hosts: [db], port: 1, secrets: {pass: db-pass}}": `expose db: secrets has "pass", want one of password`,
		"{name: db, protocol: postgres, hosts: [db], port: 1, secrets: {password: x}}":   `expose db: secret "x" is not in the component's secrets`,
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
		{Endpoint{Protocol: Redis, Port: 6379}, "a:6379,b:6379"},
	} {
		if got := tt.e.Addresses([]string{"a", "b"}); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}
