package bridge

import (
	"strings"
	"testing"
)

// corefile is what kubeadm writes.
const corefile = `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
`

const withZone = corefile + `# hyaction lab: begin
infra.local:53 {
    errors
    rewrite name suffix .infra.local. . answer auto
    forward . /etc/resolv.conf
    cache 5
}
# hyaction lab: end
`

func TestZone_LeavesEverythingElseAsItWas(t *testing.T) {
	z := Zone{Name: "infra.local", Owner: "lab"}
	got, err := z.Add(corefile)
	if err != nil || got != withZone {
		t.Fatalf("got %v\n%s", err, got)
	}
	if again, err := z.Add(got); err != nil || again != got {
		t.Errorf("a second time: %v\n%s", err, again)
	}
	if got := z.Drop(got); got != corefile {
		t.Errorf("taken out again:\n%s", got)
	}
	if got := z.Drop(corefile); got != corefile {
		t.Errorf("taken out where it never was:\n%s", got)
	}
	after := withZone + "acme.example:53 {\n    forward . 10.0.0.1\n}\n"
	if again, err := z.Add(after); err != nil || again != after {
		t.Errorf("with text below it: %v\n%s", err, again)
	}
}

func TestZone_RefusesOneThatIsServed(t *testing.T) {
	z := Zone{Name: "infra.local", Owner: "lab"}
	for _, line := range []string{"infra.local {", "acme.example, infra.local:53 {", "dns://Infra.Local.:53 {"} {
		_, err := z.Add(corefile + line + "\n}\n")
		if err == nil || !strings.Contains(err.Error(), "serves the zone infra.local already: "+line) {
			t.Errorf("%s: got %v", line, err)
		}
	}
	for _, line := range []string{"# infra.local {", "my.infra.local {", "infra.localhost {"} {
		if _, err := z.Add(corefile + line + "\n}\n"); err != nil {
			t.Errorf("%s: got %v", line, err)
		}
	}
}

func FuzzZone(f *testing.F) {
	f.Add(corefile)
	f.Add(withZone)
	f.Add("# hyaction lab: end\n# hyaction lab: begin\n")
	f.Fuzz(func(t *testing.T, text string) {
		z := Zone{Name: "infra.local", Owner: "lab"}
		bare := z.Drop(text)
		with, err := z.Add(bare)
		if err != nil {
			return
		}
		if strings.Contains(bare, "# hyaction lab:") {
			return // marks of somebody else, which may pair up with ours
		}
		if again, err := z.Add(with); err != nil || again != with {
			t.Errorf("%q: added twice: %v, %q", bare, err, again)
		}
		want := bare
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if got := z.Drop(with); got != want {
			t.Errorf("%q: added and taken out: %q", bare, got)
		}
	})
}
