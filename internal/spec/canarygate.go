package spec

// CanaryGate declares the action that judges a release by what its canary does.
var CanaryGate = Action{
	Name:        "canary-gate",
	Title:       "hy-home canary gate",
	Description: "Watch a Rollout for the expected image and pass only if that revision becomes healthy and its measurements are good.",
	Inputs: []Input{
		{Name: "rollout", Required: true, Description: "The Rollout as namespace/name."},
		{Name: "image", Required: true, Description: "Image that the revision must run, with a tag or, better, a digest. Another image never passes, however healthy it is."},
		{Name: "container", Description: "Container that must run the image. The default is any container of the pods."},
		{Name: "prometheus", Description: "Where Prometheus answers: a URL, or service:namespace/name:port to ask through the API server."},
		{Name: "query", Description: "PromQL query to judge the release by; {{pod-hash}} stands for the revision's hash, {{namespace}} and {{rollout}} for its names. Without a query an AnalysisRun of the Rollout must have measured something good."},
		{Name: "condition", Description: "When the query's result is good, in the expression language of Argo Rollouts, such as result[0] < 0.05. No data and NaN are never good."},
		{Name: "failure-condition", Description: "When the result is bad. With condition too, a result that is neither counts as no answer; alone, every other result is good."},
		{Name: "interval", Kind: Duration, Default: "10s", Description: "Time between two measurements of the query."},
		{Name: "measurements", Kind: Int, Default: "3", Description: "Good measurements that a pass needs; the last of them is made when the Rollout is healthy."},
		{Name: "failure-limit", Kind: Int, Default: "0", Description: "Failed measurements that are put up with. One more, and the verdict is failed at once."},
		{Name: "timeout", Kind: Duration, Default: "10m", Description: "How long everything may take. Out of time is inconclusive."},
		{Name: "appear-timeout", Kind: Duration, Default: "1m", Description: "How long a Rollout that does not exist is waited for."},
		{Name: "abort", Kind: Bool, Default: "false", Description: "Abort the Rollout when the verdict is failed and it is still under way."},
		{Name: "kubeconfig", Description: "Path of a kubeconfig. The default is KUBECONFIG, then ~/.kube/config."},
		{Name: "context", Description: "Context of the kubeconfig. The default is its current one."},
	},
	Outputs: []Output{
		{Name: "verdict", Description: "passed, failed or inconclusive."},
		{Name: "reason", Description: "The cause as one word, such as healthy, aborted, condition_failed, image_pull, no_data or timeout."},
		{Name: "message", Description: "The cause as one sentence."},
		{Name: "image", Description: "Image that the judged revision runs; empty if the expected one was never seen."},
		{Name: "phase", Description: "Phase of the Rollout at the end, such as Healthy or Degraded."},
		{Name: "revision", Description: "Number of the revision that was judged."},
		{Name: "pod-hash", Description: "Pod template hash of the revision that was judged."},
		{Name: "step", Description: "Step the Rollout reached, as 2/5."},
		{Name: "weight", Description: "Share of the revision in percent at the end."},
		{Name: "value", Description: "Last value the query gave."},
		{Name: "measurements", Description: "Number of measurements that were made."},
	},
	Icon: "shield",
}
