package setupplatform

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/internal/pull"
	"github.com/buenhyden/hy-home/internal/sealed"
	"github.com/buenhyden/hy-home/internal/workspace"
)

// Options say which platform is meant and what to work with. Every field
// without a note is required.
type Options struct {
	Profile        string // name of a profile; [Down] and [Status] take the recorded components instead
	Name           string // of the platform
	StateDir       string // absolute; what must outlive the process
	Cluster        string // plan.Kind or plan.Existing; "" means Kind
	NodeImage      string // of the cluster's nodes; "" leaves the catalog's
	ProofImage     string // holds hyaction, for a cluster whose nodes are not ours; "" leaves the catalog's
	RegistryMirror string // URL; "" for none
	DockerUsername string // of Docker Hub, for the engine and the caches; "" for nobody
	DockerPassword string
	Prefetch       bool // fill the caches while the cluster starts
	KeepCache      bool // [Down] leaves what the caches hold
	// Data is plan.Docker or plan.External; "" means Docker. Managed says where
	// the external services are, and Given holds their credentials.
	Data    string
	Managed []plan.Managed
	Given   map[string]string

	SealedKeys []sealed.Key // for the controller of Sealed Secrets

	// ClusterKubeconfig and ClusterContext say which existing cluster is meant.
	ClusterKubeconfig, ClusterContext string

	Choice      catalog.Choice // changes the profile; the zero value does not
	Concurrency int            // most components at work at once; 0 means no bound

	Files   workspace.Files   // the user's own; the zero value means none
	Environ map[string]string // variables that the user's files may use

	Catalog  catalog.Catalog
	Lock     lock.Lock                // what its charts and images must be; the zero value checks nothing
	ChartDir string                   // packaged charts that are taken before their repositories'; "" for none
	Drivers  map[string]engine.Driver // by the name a component.yaml calls it
	Machine  func(context.Context) (plan.Machine, error)

	// Remember is told how long the components took that were made, for the next
	// plan: see [plan.Machine.Took]. nil forgets it.
	Remember func(map[string]time.Duration) error

	// Pull makes sure that the Docker engine has an image, with the digest if that is
	// not empty, and reports whether it was pulled. nil leaves it to who needs it.
	Pull func(context.Context, pull.Request, func(progress string)) (pulled bool, err error)

	// Explain adds to the error of a component what the machine knows of its cause,
	// such as how much room a full disk has left. nil adds nothing.
	Explain func(context.Context, error) error

	Mask     func(secret string) // called with each generated secret before its first use
	Observe  func(engine.Event)  // may be nil
	Progress func(string)
	Warn     func(string)
	Log      *slog.Logger
}

// Result is what a run came to. It is filled in as far as the run got, also
// when there is an error.
type Result struct {
	Plan       plan.Plan
	Steps      []engine.Result
	Tables     []engine.Table    // figures of the run
	Kubeconfig string            // path; "" where the plan has no cluster
	Values     map[string]string // the values of the run, see values
	Warnings   []string          // what may go wrong later, each with its cure
	Env        engine.Env        // what the drivers were told; holds secrets, and the texts that are made of them
	Requests   int64             // that were sent to the API server
	Start, End time.Time
}

// Changed reports that anything was made, changed or removed.
func (r Result) Changed() bool {
	return slices.ContainsFunc(r.Steps, func(s engine.Result) bool {
		return s.Outcome == engine.Created || s.Outcome == engine.Configured || s.Outcome == engine.Removed
	})
}
