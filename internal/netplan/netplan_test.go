package netplan

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, subnet, gateway, ipRange, want string }{
		{"plain", "172.19.0.0/16", "", "", ""},
		{"full", "172.18.0.0/16", "172.18.0.1", "172.18.0.0/24", ""},
		{"no subnet", "", "", "", `subnet "" is not an IPv4 subnet`},
		{"host bits", "172.19.0.1/16", "", "", `"172.19.0.1/16" is not an IPv4 subnet`},
		{"IPv6", "fd00::/64", "", "", "is not an IPv4 subnet"},
		{"too small", "10.0.0.0/29", "", "", "too small"},
		{"foreign gateway", "172.19.0.0/16", "172.20.0.1", "", `gateway "172.20.0.1" is not an address of the subnet`},
		{"network address as gateway", "172.19.0.0/16", "172.19.0.0", "", "is not an address"},
		{"wider range", "172.19.0.0/16", "", "172.0.0.0/8", `ip-range "172.0.0.0/8" is not a part`},
		{"foreign range", "172.19.0.0/16", "", "172.20.0.0/24", "is not a part"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Parse("net", tt.subnet, tt.gateway, tt.ipRange)
			if tt.want == "" {
				if err != nil || n.Gateway != n.Subnet.Addr().Next() {
					t.Fatalf("got %+v, %v", n, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || exit.Code(err) != exit.BadInput {
				t.Errorf("got %v, want bad input with %q", err, tt.want)
			}
		})
	}
}

func TestCheck_NamesBothAndTheCure(t *testing.T) {
	infra := network(t, "infra_net", "172.19.0.0/16")
	kind := network(t, "kind", "172.18.0.0/16")
	for _, tt := range []struct {
		name   string
		wanted []Network
		taken  []Taken
		want   string
	}{
		{"apart", []Network{infra, kind}, []Taken{{"x", netip.MustParsePrefix("172.17.0.0/16")}}, ""},
		{"inside", []Network{infra, kind}, []Taken{{`Docker network "ci"`, netip.MustParsePrefix("172.18.5.0/24")}},
			`subnet 172.18.0.0/16 of network kind is taken by Docker network "ci" (172.18.5.0/24): remove that, or set another subnet`},
		{"around", []Network{infra}, []Taken{{"interface tun0", netip.MustParsePrefix("172.16.0.0/12")}}, "interface tun0 (172.16.0.0/12)"},
		{"each other", []Network{infra, network(t, "b", "172.19.128.0/17")}, nil, "network b (172.19.128.0/17) overlaps network infra_net (172.19.0.0/16)"},
		{"twice", []Network{infra, infra}, nil, "network infra_net is wanted twice"},
	} {
		err := Check(tt.wanted, tt.taken)
		if tt.want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || exit.Code(err) != exit.BadInput {
			t.Errorf("%s: got %v, want bad input with %q", tt.name, err, tt.want)
		}
	}
}

func TestDiffers(t *testing.T) {
	want, err := Parse("kind", "172.18.0.0/16", "", "172.18.0.0/24")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ subnet, gateway, ipRange, want string }{
		{"172.18.0.0/16", "172.18.0.1", "172.18.0.0/24", ""},
		{"172.20.0.0/16", "172.20.0.1", "", "has subnet 172.20.0.0/16 instead of 172.18.0.0/16"},
		{"", "", "", "has subnet none instead of 172.18.0.0/16"},
		{"172.18.0.0/16", "172.18.0.2", "", "has gateway 172.18.0.2 instead of 172.18.0.1"},
		{"172.18.0.0/16", "172.18.0.1", "", "has ip-range none instead of 172.18.0.0/24"},
	} {
		if got := Differs(want, tt.subnet, tt.gateway, tt.ipRange); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// FuzzParse: whatever is accepted is a subnet with its gateway and range inside.
func FuzzParse(f *testing.F) {
	f.Add("172.18.0.0/16", "172.18.0.1", "172.18.0.0/24")
	f.Add("0.0.0.0/0", "", "")
	f.Fuzz(func(t *testing.T, subnet, gateway, ipRange string) {
		n, err := Parse("n", subnet, gateway, ipRange)
		if err != nil {
			return
		}
		if !n.Subnet.Contains(n.Gateway) || n.Range.IsValid() && !n.Subnet.Contains(n.Range.Addr()) {
			t.Errorf("accepted %+v", n)
		}
	})
}

func network(t *testing.T, name, subnet string) Network {
	t.Helper()
	n, err := Parse(name, subnet, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return n
}
