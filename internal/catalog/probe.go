package catalog

// Probe is one semantic test of readiness; exactly one kind is set.
//
// In the cluster tier object, crd, api-service and ca-bundle are watched, all at
// once. When they hold, what can only be asked is asked: webhook, http, tcp,
// exec, load-balancer. The docker tier knows speak, http, tcp and exec.
type Probe struct {
	Object       *ObjectProbe       `yaml:"object"`        // a workload has rolled out, a Job has completed, a custom resource is as it should be
	CRD          string             `yaml:"crd"`           // a CustomResourceDefinition is Established: its name
	APIService   string             `yaml:"api-service"`   // an APIService is Available: "v1beta1.metrics.k8s.io"
	CABundle     *CABundleProbe     `yaml:"ca-bundle"`     // the API server was told whom to trust
	Webhook      *WebhookProbe      `yaml:"webhook"`       // an admission webhook answers a dry-run create
	Speak        *SpeakProbe        `yaml:"speak"`         // every host of an endpoint does what its protocol is for: SQL, an S3 round trip, a whole Redis cluster
	HTTP         *HTTPProbe         `yaml:"http"`          // an endpoint answers with a status and a text
	TCP          *TCPProbe          `yaml:"tcp"`           // a port is open and answers as its protocol wants
	Exec         *ExecProbe         `yaml:"exec"`          // a command in a container prints what is wanted: SQL, an S3 round trip, a topic that was made
	LoadBalancer *LoadBalancerProbe `yaml:"load-balancer"` // a Service has an address that this machine can open
}

// ObjectProbe is about the objects of one kind in the component's namespace:
// the one of a name, or all with a label. None at all is not ready.
//
// Every kind is judged by kstatus. Workloads need a ready pod on top (zero
// replicas are not ready), a Job must have completed. Of a custom resource
// kstatus calls "current" what nobody has looked at yet, so condition or fields
// must say what is wanted.
type ObjectProbe struct {
	Kind       string `yaml:"kind"`
	APIVersion string `yaml:"api-version"` // "" for the kinds of Kubernetes that [BuiltIn] lists
	Name       string `yaml:"name"`        // this or selector
	Selector   string `yaml:"selector"`    // label selector: "app=web"
	Namespace  string `yaml:"namespace"`   // "" means the component's
	Condition  string `yaml:"condition"`   // type of a condition that must be True: "Ready"
	// Fields are JSONPaths as of `kubectl get -o jsonpath`, each with the text that
	// it must give, or "*" for any but none: {.status.health.status}: Healthy.
	Fields map[string]string `yaml:"fields"`
}

// BuiltIn are the kinds that an [ObjectProbe] needs no api-version for.
var BuiltIn = map[string]string{
	"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1",
	"Job": "batch/v1", "Pod": "v1", "Service": "v1", "Secret": "v1", "ConfigMap": "v1", "PersistentVolumeClaim": "v1", "Namespace": "v1",
}

// CABundleProbe holds when every client configuration of the object has a certificate.
type CABundleProbe struct {
	Kind string `yaml:"kind"` // ValidatingWebhookConfiguration, MutatingWebhookConfiguration, CustomResourceDefinition or APIService
	Name string `yaml:"name"`
}

// WebhookProbe creates the object of a manifest as a dry run, until the webhook
// behind it answers. That it was accepted says little where the webhook may be
// passed by (failurePolicy: Ignore): there, and wherever it is easy, use an
// object that the webhook must refuse, and say with which words.
type WebhookProbe struct {
	Manifest string `yaml:"manifest"` // file of the component's directory with one object
	Refuses  string `yaml:"refuses"`  // part of the webhook's refusal; "" means that it accepts
}

// SpeakProbe holds the conversation that the proof of the bridge holds, but from
// this machine with the containers: each host of an endpoint that the component
// exposes is logged in to with the endpoint's own credentials, and those that it
// sends its clients to as well.
type SpeakProbe struct {
	Endpoint string   `yaml:"endpoint"` // its name in expose
	Bucket   string   `yaml:"bucket"`   // s3: an object is put into it, read and deleted; "" means the endpoint's
	Expect   []string `yaml:"expect"`   // redis, clustered: what CLUSTER INFO of each host must hold: "cluster_known_nodes:6"
}

// HTTPProbe is a GET: through the API server's service proxy in the cluster
// tier, straight to the container or a URL in the docker tier.
type HTTPProbe struct {
	Service string   `yaml:"service"` // "name:port", of a Service in the component's namespace or of Compose
	URL     string   `yaml:"url"`     // docker tier, in place of service
	Path    string   `yaml:"path"`
	Status  int      `yaml:"status"` // 0 means 200
	Expect  []string `yaml:"expect"` // the body must hold each of these texts
}

// TCPProbe opens a port: of a pod behind the Service, through the API server, or
// of a Compose service's container. Where a protocol has a question with a known
// answer, ask it: a port that is open may still belong to a program that starts.
type TCPProbe struct {
	Service string `yaml:"service"` // "name:port"
	Send    string `yaml:"send"`    // "PING\r\n"
	Expect  string `yaml:"expect"`  // part of the answer: "PONG"
}

// ExecProbe runs a command in the containers of the named Compose services, or
// in every pod with a label. It must end with 0 and print the expected texts.
type ExecProbe struct {
	Services  []string `yaml:"services"`  // docker tier
	Pods      string   `yaml:"pods"`      // cluster tier: label selector; no pod is not ready
	Container string   `yaml:"container"` // cluster tier; "" means the first
	Command   []string `yaml:"command"`
	Expect    []string `yaml:"expect"`
}

// LoadBalancerProbe opens the address of a Service from this machine.
type LoadBalancerProbe struct {
	Service string `yaml:"service"` // name, in the component's namespace
	Port    int    `yaml:"port"`
}

// Kind is the probe's key in component.yaml, or "" if not exactly one is set.
func (p Probe) Kind() string {
	kind := ""
	for name, set := range map[string]bool{
		"object": p.Object != nil, "crd": p.CRD != "", "api-service": p.APIService != "", "ca-bundle": p.CABundle != nil,
		"webhook": p.Webhook != nil, "speak": p.Speak != nil, "http": p.HTTP != nil, "tcp": p.TCP != nil, "exec": p.Exec != nil, "load-balancer": p.LoadBalancer != nil,
	} {
		if set && kind != "" {
			return ""
		}
		if set {
			kind = name
		}
	}
	return kind
}
