package speak

import (
	"net"
	"net/netip"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/testbed/servers"
)

func cluster(t *testing.T, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	listen := func(network, _ string) (net.Listener, error) { return net.Listen(network, servers.Host+":0") }
	c, err := kfake.NewCluster(append(options, kfake.NumBrokers(2), kfake.ListenFn(listen))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func portOf(t *testing.T, c *kfake.Cluster) int {
	t.Helper()
	address, err := netip.ParseAddrPort(c.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	return int(address.Port())
}

// kafka is a cluster of two brokers. With a function they tell their clients what
// that one makes of their answer.
func kafka(t *testing.T, tell func(*kmsg.MetadataResponse), options ...kfake.Opt) int {
	t.Helper()
	c := cluster(t, options...)
	if tell != nil {
		c.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			answer := r.ResponseKind().(*kmsg.MetadataResponse)
			tell(answer)
			return answer, nil, true
		})
	}
	return portOf(t, c)
}

func sends(host string, port int32) func(*kmsg.MetadataResponse) {
	return func(r *kmsg.MetadataResponse) {
		b := kmsg.NewMetadataResponseBroker()
		b.Host, b.Port = host, port
		r.Brokers = append(r.Brokers, b)
	}
}

func TestKafka(t *testing.T) {
	port := kafka(t, nil)
	for _, c := range []talk{
		{name: "two brokers", port: port, said: "2 brokers, each by the name that is told"},
		{name: "a name that only others know", port: kafka(t, sends("kafka-1.invalid", 9092)), fault: "it sends its clients to kafka-1.invalid:9092: "},
		{name: "where nobody is", port: kafka(t, sends("localhost", int32(servers.Port(t)))), fault: "connection refused"},
		{name: "a listener that nobody can mean", port: kafka(t, sends("", 9092)), fault: "it sends its clients to :9092", final: true},
		{name: "no brokers", port: kafka(t, func(*kmsg.MetadataResponse) {}), fault: "it knows no brokers yet"},
		{name: "TLS to who has none", port: saying(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), target: Target{TLS: true}, fault: "it speaks no TLS at this port", final: true},
		{name: "something else", port: saying(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), fault: "this is not Kafka: ", final: true},
		{name: "nobody", port: servers.Port(t), fault: "open localhost at 127.0.0.1:"},
	} {
		c.run(t, catalog.Kafka)
	}
}

func TestKafka_LogsIn(t *testing.T) {
	with := func(m catalog.SASL, password string) Target { return Target{SASL: m, User: "app", Password: password} }
	for name, sasl := range map[string]catalog.SASL{"PLAIN": catalog.SASLPlain, "SCRAM-SHA-256": catalog.SASLScram256, "SCRAM-SHA-512": catalog.SASLScram512} {
		port := kafka(t, nil, kfake.EnableSASL(), kfake.Superuser(name, "app", servers.Password))
		talk{name: name, port: port, target: with(sasl, servers.Password), said: "2 brokers"}.run(t, catalog.Kafka)
	}
	port := kafka(t, nil, kfake.EnableSASL())
	talk{name: "hung up on", port: port, target: with(catalog.SASLPlain, "guess"), fault: "it closes the connection"}.run(t, catalog.Kafka)
	talk{name: "no login", port: port, fault: "is SASL missing?"}.run(t, catalog.Kafka)
}

// Brokers answer what kfake hangs up on: a wrong password, and a way to log in that
// is not theirs.
func TestKafka_IsRefused(t *testing.T) {
	target := Target{SASL: catalog.SASLScram512, User: "app", Password: "guess"}
	for _, tt := range []struct {
		key   kmsg.Key
		name  string
		fault string
	}{
		{kmsg.SASLAuthenticate, "wrong password", "SASL_AUTHENTICATION_FAILED"},
		{kmsg.SASLHandshake, "a way that is not offered", "UNSUPPORTED_SASL_MECHANISM"},
	} {
		c := cluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "app", servers.Password))
		c.ControlKey(int16(tt.key), func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			switch answer := r.ResponseKind().(type) {
			case *kmsg.SASLAuthenticateResponse:
				answer.ErrorCode = kerr.SaslAuthenticationFailed.Code
				return answer, nil, true
			case *kmsg.SASLHandshakeResponse:
				answer.ErrorCode, answer.SupportedMechanisms = kerr.UnsupportedSaslMechanism.Code, []string{"GSSAPI"}
				return answer, nil, true
			}
			return nil, nil, false
		})
		talk{name: tt.name, port: portOf(t, c), target: target, fault: tt.fault, final: true}.run(t, catalog.Kafka)
	}
}

func TestKafka_OverTLS(t *testing.T) {
	right := Target{SASL: catalog.SASLScram512, User: "app", Password: servers.Password}
	overTLS(t, catalog.Kafka, right, "2 brokers", func(id *servers.Identity) int {
		port := kafka(t, nil, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "app", servers.Password), kfake.TLS(id.Config(t)))
		talk{name: "without TLS to who wants it", port: port, target: right, final: true, fault: "it speaks TLS at this port: set tls"}.run(t, catalog.Kafka)
		return port
	})
}
