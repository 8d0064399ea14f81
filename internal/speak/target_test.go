package speak

import (
	"reflect"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// A Secret may hold 1 MiB: the authorities of an endpoint are in it once, however
// many names it has.
func TestPack_HoldsEachListOfAuthoritiesOnce(t *testing.T) {
	list := strings.Repeat("x", 200<<10)
	want := []Target{
		{Endpoint: "pg", Protocol: catalog.Postgres, Name: "a", Port: 1, TLS: true, CA: list, Password: "p"},
		{Endpoint: "pg", Protocol: catalog.Postgres, Name: "b", Port: 1, TLS: true, CA: list},
		{Endpoint: "s3", Protocol: catalog.S3, Name: "c", Port: 1, TLS: true, CA: "other"},
		{Endpoint: "tcp", Protocol: catalog.TCP, Name: "d", Port: 1},
	}
	text, err := Pack(want)
	if err != nil || len(text) > 201<<10 {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	got, err := Unpack(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %.300v, %v", got, err)
	}
	for _, text := range []string{"", "[]", `{"targets":[{"authority":1}]}`, `{"targets":[{"authority":-1}]}`} {
		if _, err := Unpack([]byte(text)); err == nil {
			t.Errorf("took %q", text)
		}
	}
}

func TestTo_TheCertificateIsThatOfTheHost(t *testing.T) {
	e := catalog.Endpoint{Name: "pg", Protocol: catalog.Postgres, Port: 5432, User: "app", TLS: true, CA: "pem", Secrets: map[string]string{catalog.Password: "pg-password"}}
	secrets := map[string]string{"pg-password": "secret"}
	if got := To(e, "pg.acme.example", "pg-external", secrets); got.Name != "pg-external" || got.ServerName != "pg.acme.example" || got.CA != "pem" || got.Password != "secret" {
		t.Errorf("got %+v", got)
	}
	e.ServerName = "other.acme.example"
	if got := To(e, "10.0.0.7", "10.0.0.7", secrets); got.ServerName != "other.acme.example" {
		t.Errorf("got %+v", got)
	}
	e.TLS = false
	if got := To(e, "pg.acme.example", "pg-external", nil); got.TLS || got.CA != "" || got.ServerName != "" {
		t.Errorf("without TLS: %+v", got)
	}
}
