// Package internal holds no code: its test keeps the walls between the rooms.
package internal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/buenhyden/hy-home/"

// wall is one rule of who may not import what, with the reason that a breach is
// answered with. Packages are named without the module's path; "x/..." is x and
// all below it.
type wall struct {
	of      string   // the packages the rule is about
	but     []string // packages it leaves out
	ban     []string // what they must not import
	through bool     // not by way of other packages either
	why     string
}

var walls = []wall{
	// The way goes cmd -> app -> action -> rooms, and app -> driver -> rooms.
	{of: "internal/...", ban: []string{"internal/app"}, why: "app stands at the front door: whoever imports it knows everything"},
	{of: "internal/...", but: []string{"internal/app"}, ban: []string{"internal/gha"},
		why: "only app speaks to the runner; a room that prints cannot be used from a terminal or a test"},
	{of: "internal/...", but: []string{"internal/app", "internal/spec/gen"}, ban: []string{"internal/spec"},
		why: "an action takes Options, so that it can be called without a command line"},
	{of: "internal/...", but: []string{"internal/app"}, ban: []string{"internal/action/..."},
		why: "an action is called by app and by nobody else, and never by another action"},
	{of: "internal/...", but: []string{"internal/app"}, ban: []string{"internal/driver/..."},
		why: "drivers are chosen by app and reached through engine.Driver, so that a kind of component is one package"},
	{of: "...", but: []string{"internal/testkit", "internal/testkit/golden", "internal/gitrepo/gittest", "testbed/lab", "testbed/buildkit", "testbed/servers", "testbed/plain/plaintest"}, ban: []string{"internal/testkit/..."}, why: "testkit is for tests, and does not belong into the binary"},
	{of: "...", ban: []string{"internal/forge/forgetest"}, why: "forgetest is a GitHub for tests, and does not belong into the binary"},
	{of: "...", but: []string{"internal/forge/forgetest"}, ban: []string{"internal/gitrepo/gittest"}, why: "gittest is Git for tests, and does not belong into the binary"},
	{of: "...", ban: []string{"internal/registry/registrytest"}, why: "registrytest is a registry that fails on purpose, for tests"},
	{of: "internal/...", ban: []string{"testbed/..."}, why: "the product does not know the bed it is tested in"},
	{of: "cmd/...", ban: []string{"internal/action/...", "internal/driver/...", "internal/gha", "internal/spec", "internal/engine"},
		why: "main makes a context and calls app: nothing there can be tested"},

	// Decisions are pure: they are tested without a machine.
	{of: "internal/catalog", ban: impure, through: true, why: "the catalog is data"},
	{of: "internal/plan", ban: impure, through: true, why: "a plan is decided before anything is touched"},
	{of: "internal/lock", ban: impure, through: true, why: "what is locked is decided from files; who can ask registries hands in how"},
	{of: "internal/pull", ban: impure, through: true, why: "who pulls what is decided before anything is pulled"},
	{of: "internal/netplan", ban: impure, through: true, why: "addresses are arithmetic"},
	{of: "internal/judge", ban: impure, through: true, why: "a verdict follows from measurements alone, so that it can be repeated"},
	{of: "internal/spec", ban: impure, through: true, why: "the declarations are data"},
	{of: "internal/gittree", ban: impure, through: true, why: "what a tree looks like does not depend on where it is read"},
	{of: "internal/imagetag", ban: impure, through: true, why: "tags follow from the event alone"},
	{of: "internal/buildlog", ban: impure, through: true, why: "a log is read as lines, whoever printed them"},
	{of: "internal/contentkey", ban: []string{"net", "os/exec", "internal/run"}, through: true,
		why: "a key follows from files; who can ask registries hands in how"},
	{of: "internal/version", ban: impure, through: true, why: "every command can say its version at once"},
	{of: "internal/boot", ban: []string{"github.com/...", "fmt"}, why: "it must be initialized before what imports more"},
	{of: "internal/exit", ban: impure, through: true, why: "every room imports it"},
	{of: "internal/report", ban: impure, through: true, why: "a report is drawn from results, and writes to what it is handed"},
	{of: "internal/engine", ban: append([]string{"gopkg.in/...", "github.com/..."}, impure...),
		why: "the engine knows nodes and edges; what they do is the drivers' business"},
	{of: "internal/...", but: []string{"internal/run", "internal/testkit", "internal/gitrepo/gittest"}, ban: []string{"os/exec"},
		why: "processes start through run: argument lists, an environment without secrets, and an end with their context"},

	// Each heavy library has one home, so that its next major version is a change of one package.
	{of: "internal/...", but: []string{"internal/gha"}, ban: []string{"github.com/sethvargo/..."}, why: "its home is gha, which mends its fixed delimiter"},
	{of: "internal/...", but: []string{"internal/app"}, ban: []string{"github.com/spf13/..."}, why: "its home is app: flags end at the front door"},
	{of: "internal/...", but: []string{"internal/driver/helm"}, ban: []string{"helm.sh/..."}, why: "its home is driver/helm: v3 has ended, and v4 shall be a change of one package"},
	{of: "internal/...", but: []string{"internal/driver/cluster"}, ban: []string{"sigs.k8s.io/kind/..."}, why: "its home is driver/cluster"},
	{of: "internal/...", but: []string{"internal/driver/compose"}, ban: []string{"github.com/docker/compose/...", "github.com/compose-spec/..."},
		why: "its home is driver/compose"},
	{of: "internal/...", but: []string{"internal/driver/compose", "internal/docker"}, ban: []string{"github.com/docker/cli/..."},
		why: "driver/compose needs it for Compose, docker for the contexts of the docker command; nobody else"},
	{of: "internal/...", but: []string{"internal/driver/compose", "internal/contentkey"}, ban: []string{"github.com/docker/buildx/...", "github.com/moby/buildkit/..."},
		why: "their home is driver/compose: both come in with Compose's library, in the versions that it names; contentkey reads Dockerfiles by BuildKit's parser"},
	{of: "internal/...", but: []string{"internal/docker", "internal/bridge", "internal/builder", "internal/driver/bridge", "internal/driver/cache", "internal/driver/cluster", "internal/driver/compose", "internal/driver/network", "internal/driver/registry"},
		ban: []string{"github.com/docker/docker/..."}, why: "the engine's client ends in docker, bridge, builder and the drivers of the docker tier: actions and the cluster tier do not know it"},
	{of: "internal/...", but: []string{"internal/kustomize"}, ban: []string{"sigs.k8s.io/kustomize/..."}, why: "its home is kustomize"},
	{of: "internal/...", but: []string{"internal/registry", "internal/registry/registrytest"}, ban: []string{"github.com/google/go-containerregistry/..."}, why: "its home is registry"},
	{of: "internal/...", but: []string{"internal/forge"}, ban: []string{"github.com/google/go-github/..."}, why: "its home is forge"},
	{of: "internal/...", but: []string{"internal/gitrepo"}, ban: []string{"github.com/go-git/..."}, why: "its home is gitrepo"},
	{of: "internal/...", but: []string{"internal/judge"}, ban: []string{"github.com/expr-lang/..."}, why: "its home is judge"},
	{of: "internal/...", but: []string{"internal/promql"}, ban: []string{"github.com/prometheus/..."}, why: "its home is promql"},
	{of: "internal/...", but: []string{"internal/speak"},
		ban: []string{"github.com/jackc/...", "github.com/twmb/...", "github.com/redis/...", "github.com/minio/...", "golang.org/x/crypto/x509roots/..."},
		why: "its home is speak: what is asked of a data service is asked there, with names, certificates and faults as they are meant here"},
	{of: "...", ban: []string{"github.com/twmb/franz-go/pkg/kfake"}, through: true, why: "kfake is a broker for tests, and does not belong into the binary"},
	{of: "internal/action/...", ban: []string{"k8s.io/client-go/...", "github.com/docker/..."}, why: "an action decides; clusters and engines are reached through the rooms"},
}

// impure is what makes a package depend on the machine it runs on.
var impure = []string{
	"net", "net/http/...", "os/exec", "internal/run", "k8s.io/...", "helm.sh/...",
	"github.com/docker/...", "github.com/spf13/...", "github.com/google/...",
}

// listed is as much of `go list -json` as the rules need.
type listed struct {
	ImportPath string
	Doc        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Doc,GoFiles,Imports,Deps", module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []listed
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestImports_StayWithinTheWalls(t *testing.T) {
	packages := listPackages(t)
	for _, w := range walls {
		used := false
		for _, p := range packages {
			name := strings.TrimPrefix(p.ImportPath, module)
			if !matches(w.of, name) || slices.Contains(w.but, name) {
				continue
			}
			used = true
			imports := p.Imports
			if w.through {
				imports = p.Deps
			}
			for _, imported := range imports {
				imported = strings.TrimPrefix(imported, module)
				for _, ban := range w.ban {
					if imported != name && matches(ban, imported) {
						t.Errorf("%s imports %s: %s", name, imported, w.why)
					}
				}
			}
		}
		if !used {
			t.Errorf("the rule about %s is about no package", w.of)
		}
	}
}

func TestPackages_SayWhatTheyAreFor(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// matches reports whether a package is meant by a pattern: itself, or with
// "/..." itself and everything below.
func matches(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	if dir, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == dir || strings.HasPrefix(name, dir+"/")
	}
	return name == pattern
}
