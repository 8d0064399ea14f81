package spec

// SetupPlatform declares the action that stands the platform up.
var SetupPlatform = Action{
	Name:        "setup-platform",
	Title:       "hy-home setup platform",
	Description: "Stand a hybrid platform up on this runner: a Docker Compose data tier beside a kind cluster, joined by one network.",
	Inputs: []Input{
		{Name: "profile", Default: "testbed", Description: "Which components to install and at which size; the name of a profile in the catalog."},
		{Name: "catalog-dir", Description: "Directory with components/ and profiles/ of your own, which are added to the built-in ones."},
		{Name: "name", Default: "hy-home", Description: "Name of the platform and of its kind cluster. Two platforms on one machine need two names."},
		{Name: "cluster", Kind: Choice, Values: []string{"kind", "existing"}, Default: "kind", Description: "kind makes a cluster on this machine; existing takes one that is there and never changes what it had before."},
		{Name: "cluster-kubeconfig", Description: "For an existing cluster: path of a kubeconfig whose user is cluster-admin."},
		{Name: "cluster-context", Description: "For an existing cluster: the context to use. The default is the file's current one."},
		{Name: "compose-files", Kind: List, Description: "Compose files of your own, in order, that become a part of the platform. Relative paths start at the working directory."},
		{Name: "env-files", Kind: List, Description: "Files with the variables that the Compose files use. The default is .env beside the first of them."},
		{Name: "compose-profiles", Kind: List, Description: "Compose profiles to start, in addition to the services without a profile."},
		{Name: "node-image", Description: "Image of the kind nodes. The default is the image the profile names."},
		{Name: "registry-mirror", Description: "URL of a registry, as the nodes reach it, that is asked for every image before the image's own registry."},
		{Name: "lock-file", Description: "Path of the lock with the digests that charts and images must have, or off to take them as they are named. The default is the lock inside hyaction, which holds upstream's digests: a mirror with images of its own needs a lock of its own (hyaction lock update --registry-mirror)."},
		{Name: "state-dir", Description: "Directory for what must outlive the step, such as the kubeconfig. The default is hyaction/<name> in the user's state directory."},
		{Name: "concurrency", Default: "16", Description: "How many components may be at work at once; of those that could start, the one that most waits for goes first."},
		{Name: "timeout", Kind: Duration, Default: "20m", Description: "How long the whole platform may take to come up."},
		{Name: "dry-run", Kind: Bool, Default: "false", Description: "Check the machine and print the plan, and change nothing."},
	},
	Outputs: []Output{
		{Name: "kubeconfig", Description: "Path of the kubeconfig of the cluster. It is also set as KUBECONFIG for the steps that follow."},
		{Name: "changed", Description: "true if anything was created or configured, false if everything was there as wanted."},
		{Name: "kind-subnet", Description: "IPv4 subnet of the network of the kind nodes."},
		{Name: "infra-subnet", Description: "IPv4 subnet of the network of the data tier."},
		{Name: "endpoints", Description: "What the platform offers, as a JSON list: name, component, protocol, and its address from pods (cluster), from containers (docker) and from the machine (host), each empty where there is no way."},
		{Name: "prometheus-url", Description: "URL of Prometheus as pods reach it, for an AnalysisTemplate. Empty if the profile has none."},
		{Name: "report-json", Description: "Path of the report of the run as JSON."},
		{Name: "report-html", Description: "Path of the report of the run as one self-contained HTML page."},
	},
	Icon: "layers",
}
