package builder

import (
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// everything gives each input a value of its own.
func everything() Options {
	return Options{
		Context: ".", File: "f", Target: "t", BuildArgs: []string{"A=1"}, Labels: []string{"l=v"}, Refs: []string{"r/i:t"}, Annotations: []string{"index:a=b"},
		Features: Features{
			Platforms: []string{"linux/amd64", "linux/arm64"}, BuildContexts: []string{"base=docker-image://alpine:3"}, SSH: []string{"default"},
			Secrets:   []Secret{{ID: "v", Value: "x"}, {ID: "e", Env: "E"}, {ID: "f", File: `/a,"b`}},
			CacheFrom: []string{"r/c:1"}, CacheTo: []string{"type=gha,mode=max"},
			Provenance: "mode=max", SBOM: "true", Attests: []string{"type=sbom"}, NoCache: true, NoCacheFilters: []string{"s"}, Pull: true,
			AddHosts: []string{"db:10.0.0.1"}, Network: "host", ShmSize: "1g", CgroupParent: "/p", Ulimits: []string{"nofile=1:2"},
			Allow: []string{"network.host"}, Outputs: []string{"type=local,dest=out"}, Call: "check", Builder: "mine",
		},
	}
}

func TestInputs_BecomeArguments(t *testing.T) {
	want := []string{
		"--file=f", "--target=t", "--build-arg=A=1", "--label=l=v", "--tag=r/i:t", "--no-cache=true", "--pull=true", "--add-host=db:10.0.0.1",
		"--network=host", "--shm-size=1g", "--cgroup-parent=/p", "--ulimit=nofile=1:2", "--platform=linux/amd64,linux/arm64",
		"--secret=id=v,env=HYACTION_SECRET_0", "--secret=id=e,env=E", `--secret=id=f,"src=/a,""b"`, "--ssh=default",
		"--output=type=local,dest=out", "--cache-from=r/c:1", "--cache-to=type=gha,mode=max", "--build-context=base=docker-image://alpine:3",
		"--annotation=index:a=b", "--provenance=mode=max", "--sbom=true", "--attest=type=sbom", "--no-cache-filter=s", "--allow=network.host", "--call=check", "--builder=mine",
	}
	o := everything()
	if got := o.arguments(); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if err := o.Check(); err != nil {
		t.Error(err)
	}
	if got := secretEnv(o.Secrets); !slices.Equal(got, []string{"HYACTION_SECRET_0=x"}) {
		t.Errorf("%q", got)
	}
	for _, in := range inputs {
		if len(in.values(o)) == 0 {
			t.Errorf("input %s has no value in this test", in.name)
		}
	}
}

func TestInputs_CachesMayFail(t *testing.T) {
	for given, want := range map[string]string{
		"r/c:1":                       "type=registry,ref=r/c:1,ignore-error=true",
		"type=registry,ref=r/c":       "type=registry,ref=r/c,ignore-error=true",
		"type=gha":                    "type=gha,scope=localhost:5001/a/b,timeout=3m,ignore-error=true",
		"type=gha,scope=s,timeout=1m": "type=gha,scope=s,timeout=1m,ignore-error=true",
		"type=s3,ignore-error=false":  "type=s3,ignore-error=false",
		"type=inline":                 "type=inline", // part of the image
		"type=local,dest=there":       "type=local,dest=there",
	} {
		o := Options{Refs: []string{"localhost:5001/a/b:t"}, Features: Features{CacheTo: []string{given}}}
		if got := o.withCaches().arguments(); !slices.Contains(got, "--cache-to="+want) || o.CacheTo[0] != given {
			t.Errorf("%s: %q, want %q", given, got, want)
		}
	}
	o := Options{Refs: []string{"r/i:t"}, Features: Features{CacheFrom: []string{"r/c:1", "type=gha"}}}
	if got := o.withCaches().arguments(); !slices.Contains(got, "--cache-from=r/c:1") || !slices.Contains(got, "--cache-from=type=gha,scope=r/i,timeout=3m") {
		t.Errorf("%q", got)
	}
}

func TestInputs_PushByDigest(t *testing.T) {
	o := Options{Refs: []string{"localhost:5001/a/b:t"}, Features: Features{Outputs: []string{"type=image,push-by-digest=true"}}}
	if got := o.arguments(); !slices.Equal(got, []string{"--output=type=image,push-by-digest=true,name=localhost:5001/a/b"}) {
		t.Errorf("%q: BuildKit refuses tags beside it", got)
	}
}

func TestCheck_RefusesWithTheInputAndTheCure(t *testing.T) {
	for want, change := range map[string]func(*Options){
		`input labels holds "x"`:                   func(o *Options) { o.Labels = []string{"x"} },
		`input add-hosts holds "db:1,2"`:           func(o *Options) { o.AddHosts = []string{"db:1,2"} },
		`input network holds "-n"`:                 func(o *Options) { o.Network = "-n" },
		`input shm-size holds "big"`:               func(o *Options) { o.ShmSize = "big" },
		`input ulimit holds "nofile"`:              func(o *Options) { o.Ulimits = []string{"nofile"} },
		`input platforms holds "linux amd64"`:      func(o *Options) { o.Platforms = []string{"linux amd64"} },
		`input ssh holds "a b"`:                    func(o *Options) { o.SSH = []string{"a b"} },
		`input outputs holds "-"`:                  func(o *Options) { o.Outputs = []string{"-"} },
		`standard output is the log`:               func(o *Options) { o.Outputs = []string{"type=tar,dest=-"} },
		`input cache-to holds "mode=max"`:          func(o *Options) { o.CacheTo = []string{"mode=max"} },
		`write attributes as CSV`:                  func(o *Options) { o.CacheFrom = []string{`type=local,src="x`} },
		`secret_access_key=***": write no secret_`: func(o *Options) { o.CacheTo = []string{"type=s3,secret_access_key=Zq7"} },
		`token=***`:                       func(o *Options) { o.CacheFrom = []string{"type=gha,token=Zq7"} },
		`without a user or password`:      func(o *Options) { o.BuildContexts = []string{"c=https://Zq7@github.com/a/b.git"} },
		`input build-contexts holds "c="`: func(o *Options) { o.BuildContexts = []string{"c="} },
		`input annotations holds "=x"`:    func(o *Options) { o.Annotations = []string{"=x"} },
		`input allow holds "--all"`:       func(o *Options) { o.Allow = []string{"--all"} },
		`input builder holds "-b"`:        func(o *Options) { o.Builder = "-b" },
		`input attests holds "sbom"`:      func(o *Options) { o.Attests = []string{"sbom"} },
		`secret a is given twice`:         func(o *Options) { o.Secrets = []Secret{{ID: "a"}, {ID: "a"}} },
		`secret a is longer than 127 KB`:  func(o *Options) { o.Secrets = []Secret{{ID: "a", Value: strings.Repeat("x", maxSecret+1)}} },
		`the id "a,b"`:                    func(o *Options) { o.Secrets = []Secret{{ID: "a,b"}} },
	} {
		o := everything()
		change(&o)
		err := o.Check()
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Zq7") {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

func TestSuits_SaysWhatIsNotToBeHad(t *testing.T) {
	classic, old := Tool{CLI: "/x/docker", Version: "28.2.2", Mode: Classic}, Tool{CLI: "/x/docker", Version: "20.10", Mode: BuildKit}
	err := Tool{Mode: Engine}.Suits(Options{Context: "https://github.com/a/b.git", Features: Features{Dockerfile: "FROM scratch"}})
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "input dockerfile-inline for a context that is fetched") {
		t.Errorf("%v", err)
	}
	for _, c := range []struct {
		tool Tool
		o    Features
		want string // "" suits
	}{
		{classic, Features{Network: "host", Pull: true, NoCache: true, Ulimits: []string{"nofile=1"}}, ""},
		{classic, Features{Secrets: []Secret{{ID: "a"}}}, "input secrets needs BuildKit, which /x/docker 28.2.2 does not have"},
		{classic, Features{Platforms: []string{"linux/arm64"}}, "input platforms needs BuildKit"},
		{classic, Features{Secrets: []Secret{{ID: "a", Optional: true}}}, ""},
		{old, Features{Outputs: []string{"out"}}, "input outputs needs buildx"},
		{old, Features{CacheFrom: []string{"r/c:1"}}, "input cache-from needs buildx"},
		{old, Features{Platforms: []string{"linux/arm64"}, Secrets: []Secret{{ID: "a"}}, SSH: []string{"default"}}, ""},
		{old, Features{Platforms: []string{"linux/arm64", "linux/amd64"}}, "names 2 platforms, which needs buildx"},
		{old, Features{CacheTo: []string{"type=inline"}}, "input cache-to needs buildx, which /x/docker 20.10"},
		{Tool{Mode: Engine}, Features{SBOM: "true"}, "there is only a Docker engine here and no docker command"},
		{Tool{Mode: Buildx}, everything().Features, ""},
	} {
		err := c.tool.Suits(Options{Features: c.o})
		if (err == nil) != (c.want == "") || err != nil && (exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.tool.Mode, err, c.want)
		}
	}
}

func TestWantsContainer_OnlyForWhatTheEngineLacks(t *testing.T) {
	const engines, containerd, remote = "Driver: docker\n", "Driver: docker\nLabels:\n " + snapshotter + ": overlayfs\n", "Driver: remote\n"
	want := func(inspected string, f Features) string {
		fake := &run.Fake{Handler: func(run.Cmd) (run.Result, error) { return run.Result{Stdout: inspected}, nil }}
		b := &build{runner: fake, tool: Tool{Mode: Buildx}, o: Options{Features: f}}
		why, err := b.wantsContainer(t.Context())
		if err != nil {
			t.Error(err)
		}
		if (len(fake.Calls()) > 0) != (f.Builder == "" && b.o.beyondEngine() != "") {
			t.Errorf("%+v: buildx was asked about its builder %d times", f, len(fake.Calls()))
		}
		return why
	}
	for _, c := range []struct {
		o          Features
		want       string
		containerd string // the same with containerd's store
	}{
		{Features{}, "", ""},
		{Features{Platforms: []string{"linux/arm64"}, SSH: []string{"default"}, CacheFrom: []string{"r/c:1", "type=registry,ref=x"}, CacheTo: []string{"type=inline"}}, "", ""},
		{Features{Outputs: []string{"out", "type=local,dest=x", "type=tar,dest=x"}, Provenance: "false", SBOM: "disabled=true"}, "", ""},
		{Features{Platforms: []string{"linux/arm64", "linux/amd64"}}, "several platforms", ""},
		{Features{Provenance: "mode=max"}, "attestations", ""},
		{Features{SBOM: "true"}, "attestations", ""},
		{Features{Attests: []string{"type=sbom"}}, "attestations", ""},
		{Features{CacheTo: []string{"type=gha"}}, "a cache export of type gha", ""},
		{Features{CacheTo: []string{"r/c:1"}}, "a cache export of type registry", ""},
		{Features{CacheFrom: []string{"type=gha"}}, "a cache import of type gha", ""},
		{Features{Outputs: []string{"type=oci,dest=x"}}, "an output of type oci", ""},
		{Features{Allow: []string{"network.host"}}, "entitlements (input allow)", "entitlements (input allow)"},
	} {
		if got := want(engines, c.o); got != c.want {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
		if got := want(containerd, c.o); got != c.containerd {
			t.Errorf("containerd's store, %+v: %q, want %q", c.o, got, c.containerd)
		}
		if got := want(remote, c.o); got != "" {
			t.Errorf("another driver, %+v: %q, want none", c.o, got)
		}
		c.o.Builder = "mine"
		if got := want(engines, c.o); got != "" {
			t.Errorf("a builder that was asked for, %+v: %q, want none", c.o, got)
		}
	}
}

func TestBeyondEngine_KnowsWhatIsNoFeature(t *testing.T) {
	for want, o := range map[string]Options{
		"annotations":             {Annotations: []string{"manifest:a=b"}},
		"an output of type image": {Push: true, RewriteTimes: true},
	} {
		if got := o.beyondEngine(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestOutputs_RewriteTimes(t *testing.T) {
	for _, c := range []struct{ given, want []string }{
		{nil, []string{"type=image,rewrite-timestamp=true"}},
		{[]string{"type=registry"}, []string{"type=registry,rewrite-timestamp=true"}},
		{[]string{"type=oci,dest=x", "type=local,dest=y"}, []string{"type=oci,dest=x,rewrite-timestamp=true", "type=local,dest=y", "type=image,rewrite-timestamp=true"}},
	} {
		o := Options{Push: true, RewriteTimes: true, Features: Features{Outputs: c.given}}
		if got := o.outputs(); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.given, got, c.want)
		}
	}
}

func TestElsewhere(t *testing.T) {
	for out, want := range map[string]bool{
		"type=image": false, "type=registry,compression=zstd": false, "type=image,name=r/other": true, "type=image,push-by-digest=true": true,
		"type=local,dest=x": true, "dir": true,
	} {
		if got := (Options{Features: Features{Outputs: []string{out}}}).Elsewhere(); got != want {
			t.Errorf("%s: %v", out, got)
		}
	}
}

func TestPredicates(t *testing.T) {
	const provenance, sbom = "https://slsa.dev/provenance/", "https://spdx.dev/Document"
	for _, c := range []struct {
		f    Features
		want []string
	}{
		{Features{}, nil},
		{Features{Provenance: "false", SBOM: "disabled=true", Attests: []string{"type=sbom,disabled=true"}}, nil},
		{Features{Provenance: "mode=max", SBOM: "true"}, []string{provenance, sbom}},
		{Features{Attests: []string{"type=sbom,generator=x", "type=provenance"}}, []string{provenance, sbom}},
	} {
		if got := c.f.Predicates(); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
}
