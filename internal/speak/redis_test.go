package speak

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/testbed/servers"
)

func TestRedis(t *testing.T) {
	port := servers.Redis(t, nil, "--user", "app", "on", ">secret", "~*", "&*", "+@all")
	loading := serve(t, func(c net.Conn) {
		for b := make([]byte, 4096); ; {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			for range bytes.Count(b[:n], []byte("*")) { // one for each command
				_, _ = io.WriteString(c, "-LOADING Redis is loading the dataset in memory\r\n")
			}
		}
	})
	for _, c := range []talk{
		{name: "alone", port: port, target: Target{Password: servers.Password}, said: "SET and GET by localhost"},
		{name: "as a user", port: port, target: Target{User: "app", Password: "secret"}, said: "SET and GET by localhost"},
		{name: "wrong password", port: port, target: Target{Password: "guess"}, final: true, fault: "WRONGPASS"},
		{name: "wrong password of a user", port: port, target: Target{User: "app", Password: "guess"}, final: true, fault: "WRONGPASS"},
		{name: "no password", port: port, final: true, fault: "NOAUTH"},
		{name: "not clustered", port: port, target: Target{Password: servers.Password, Clustered: true}, final: true, fault: "cluster support disabled"},
		{name: "TLS to who has none", port: port, target: Target{Password: servers.Password, TLS: true}, fault: "no answer to the beginning of TLS: does it speak TLS at this port?"},
		{name: "loading", port: loading, fault: "LOADING"},
		{name: "something else", port: saying(t, "SSH-2.0-OpenSSH_9.9\r\n"), final: true, fault: "this is not Redis: "},
		{name: "nobody", port: servers.Port(t), fault: "open localhost at 127.0.0.1:"},
	} {
		c.run(t, catalog.Redis)
	}
}

func TestRedis_Clustered(t *testing.T) {
	port, other := servers.RedisCluster(t, nil, "redis-2")
	half := servers.Redis(t, nil, "--cluster-enabled", "yes", "--cluster-port", "0", "--appendonly", "no")
	right := Target{Password: servers.Password, Clustered: true}
	wanting := func(texts ...string) Target {
		t := right
		t.Expect = texts
		return t
	}
	nobody := map[string]netip.Addr{"redis-2": netip.MustParseAddr("127.0.0.2")}
	for _, c := range []talk{
		{name: "sent on", port: port, target: right, hosts: map[string]netip.Addr{"redis-2": loopback}, said: "SET and GET by redis-2"},
		{name: "at the right one", port: other, target: right, said: "SET and GET by localhost"},
		{name: "sent to a name that is none", port: port, target: right, fault: "it sends its clients on to redis-2:"},
		{name: "sent to where nobody is", port: port, target: right, hosts: nobody, fault: "connection refused"},
		{name: "as many as wanted", port: other, target: wanting("cluster_known_nodes:2", "cluster_size:2"), said: "SET and GET by localhost"},
		{name: "fewer than wanted", port: other, target: wanting("cluster_size:2", "cluster_known_nodes:6"), fault: "the cluster is not whole: cluster_known_nodes:2, want cluster_known_nodes:6"},
		{name: "what it never says", port: other, target: wanting("cluster_known:6"), fault: "the cluster is not whole: it does not say cluster_known:6"},
		{name: "half a cluster", port: half, target: right, fault: "the cluster is not whole: cluster_state:fail"},
	} {
		c.run(t, catalog.Redis)
	}
}

func TestRedis_OverTLS(t *testing.T) {
	right := Target{Password: servers.Password}
	overTLS(t, catalog.Redis, right, "SET and GET by ", func(id *servers.Identity) int {
		port := servers.Redis(t, id)
		talk{name: "without TLS to who wants it", port: port, target: right, final: true, fault: "it speaks TLS at this port: set tls"}.run(t, catalog.Redis)
		return port
	})
	// The one that clients are sent on to has a certificate of its own name.
	id := servers.NewAuthority(t, "Acme root").Issue(t, "localhost", "redis-2")
	port, _ := servers.RedisCluster(t, id, "redis-2")
	right.TLS, right.CA, right.Clustered = true, id.CA, true
	talk{name: "sent on", port: port, target: right, hosts: map[string]netip.Addr{"redis-2": loopback}, said: "SET and GET by redis-2"}.run(t, catalog.Redis)
}
