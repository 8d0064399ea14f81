package spec

// CanaryGate declares the action that judges a release by what its canary does.
var CanaryGate = Action{
	Name:        "canary-gate",
	Title:       "hy-home canary gate",
	Description: "Watch a Rollout until the expected image is healthy, and pass only if a Prometheus query holds.",
	Inputs: []Input{
		{Name: "rollout", Required: true, Description: "The Rollout as namespace/name."},
		{Name: "image", Description: "Image the new revision must run, best by digest. The default takes the revision that is there."},
		{Name: "container", Description: "Container that must run the image. The default is any container of the pods."},
		{Name: "prometheus", Description: "Where Prometheus answers: a URL, or service:namespace/name:port to ask through the API server."},
		{Name: "query", Description: "PromQL query to judge the release by. Without one only the Rollout's health counts."},
		{Name: "condition", Description: "When the query's result is good, in the expression language of Argo Rollouts, such as result[0] < 0.05. Required with a query."},
		{Name: "interval", Kind: Duration, Default: "10s", Description: "Time between two measurements of the query."},
		{Name: "timeout", Kind: Duration, Default: "10m", Description: "How long the Rollout may take. Out of time is never a pass."},
		{Name: "abort", Kind: Bool, Default: "false", Description: "Abort the Rollout when the verdict is failed."},
		{Name: "kubeconfig", Description: "Path of a kubeconfig. The default is KUBECONFIG, then ~/.kube/config."},
		{Name: "context", Description: "Context of the kubeconfig. The default is its current one."},
	},
	Outputs: []Output{
		{Name: "verdict", Description: "passed, failed or inconclusive."},
		{Name: "reason", Description: "One sentence with the cause."},
		{Name: "phase", Description: "Phase of the Rollout at the end, such as Healthy or Degraded."},
		{Name: "revision", Description: "Pod template hash of the revision that was judged."},
		{Name: "value", Description: "Last value the query gave."},
		{Name: "measurements", Description: "Number of measurements that were made."},
	},
	Icon: "shield",
}
