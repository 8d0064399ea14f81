package catalog

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

var (
	probeKinds = []string{"object", "crd", "api-service", "ca-bundle", "webhook", "speak", "http", "tcp", "exec", "load-balancer"}
	dockerOnly = []string{"speak", "http", "tcp", "exec"} // all that the docker tier knows
	caKinds    = []string{"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "CustomResourceDefinition", "APIService"}
)

// checkProbes reports what is wrong with the probes of a component: what is
// misspelt, and what would hold though nothing is ready.
func checkProbes(c Component, add func(string, ...any)) {
	docker := c.Tier == "docker"
	var kinds []string
	job, made := false, false
	for i, p := range c.Ready {
		kind := p.Kind()
		if kind == "" {
			add("ready[%d] must have exactly one of %s", i, strings.Join(probeKinds, ", "))
			continue
		}
		if docker && !slices.Contains(dockerOnly, kind) {
			add("ready[%d] is a probe %q, and the docker tier has only %s", i, kind, strings.Join(dockerOnly, ", "))
			continue
		}
		kinds = append(kinds, kind)
		if p.Object != nil && p.Object.Kind == "Job" {
			job = true
		} else if kind != "crd" && kind != "ca-bundle" {
			made = true
		}
		for _, fault := range p.faults(c, docker) {
			add("ready[%d].%s: %s", i, kind, fault)
		}
	}
	if job && !made {
		add("a Job that ended well proves nothing of what it should have made: add a probe of that")
	}
	for i, p := range c.Ready {
		if p.Webhook != nil && p.Webhook.Refuses == "" && !slices.Contains(kinds, "ca-bundle") {
			add("ready[%d].webhook: a dry run is accepted as well while the webhook is not registered: add ca-bundle, or an object that it refuses", i)
		}
	}
}

// faults are the mistakes of one probe, as sentences.
func (p Probe) faults(c Component, docker bool) (faults []string) {
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	switch {
	case p.Object != nil:
		o := *p.Object
		_, known := BuiltIn[o.Kind]
		want(o.Kind != "", "kind is missing")
		want((o.Name == "") != (o.Selector == ""), "it wants either a name or a selector")
		want(known || o.APIVersion != "", "kind %q needs its api-version", o.Kind)
		want(known && o.APIVersion == "" || o.Condition != "" || len(o.Fields) > 0, "kind %q needs a condition or fields: kstatus calls ready what no controller has looked at", o.Kind)
		for path := range o.Fields {
			want(strings.HasPrefix(path, "{") && strings.HasSuffix(path, "}"), "field %q is no JSONPath: {.status.phase}", path)
		}
	case p.CABundle != nil:
		want(slices.Contains(caKinds, p.CABundle.Kind), "kind is %q, want one of %s", p.CABundle.Kind, strings.Join(caKinds, ", "))
		want(p.CABundle.Name != "", "name is missing")
	case p.Webhook != nil:
		if c.Files != nil {
			_, err := fs.Stat(c.Files, p.Webhook.Manifest)
			want(err == nil, "manifest %q is no file of the component", p.Webhook.Manifest)
		}
	case p.Speak != nil:
		want(docker, "it is for the docker tier: pods are spoken to by the proof")
		i := slices.IndexFunc(c.Expose, func(e Endpoint) bool { return e.Name == p.Speak.Endpoint })
		if want(i >= 0, "the component exposes no endpoint %q", p.Speak.Endpoint); i >= 0 {
			e := c.Expose[i]
			want(p.Speak.Bucket == "" || e.Protocol == S3 && e.Secrets[AccessKey] != "", "a bucket is for an endpoint of S3 with access-key and secret-key in its secrets")
			want(len(p.Speak.Expect) == 0 || e.Protocol == Redis && e.Clustered, "expect is for a clustered endpoint of redis")
		}
	case p.HTTP != nil:
		want((p.HTTP.Service == "") != (p.HTTP.URL == ""), "it wants either a service or a url")
		want(docker || p.HTTP.URL == "", "the cluster tier is asked by service, not by url")
		want(p.HTTP.Service == "" || hasPort(p.HTTP.Service), "service is %q, want name:port", p.HTTP.Service)
		want(p.HTTP.Status == 0 || p.HTTP.Status >= 100 && p.HTTP.Status < 600, "status is %d, want 100 to 599", p.HTTP.Status)
	case p.TCP != nil:
		want(hasPort(p.TCP.Service), "service is %q, want name:port", p.TCP.Service)
		want(p.TCP.Send == "" || p.TCP.Expect != "", "it sends something and expects nothing")
	case p.Exec != nil:
		want(len(p.Exec.Command) > 0, "command is empty")
		if docker {
			want(len(p.Exec.Services) > 0 && p.Exec.Pods == "" && p.Exec.Container == "", "the docker tier wants services, and neither pods nor container")
		} else {
			want(p.Exec.Pods != "" && len(p.Exec.Services) == 0, "the cluster tier wants pods, and no services")
		}
	case p.LoadBalancer != nil:
		want(p.LoadBalancer.Service != "", "service is missing")
		want(p.LoadBalancer.Port > 0 && p.LoadBalancer.Port < 65536, "port is %d, want 1 to 65535", p.LoadBalancer.Port)
	}
	if !docker && c.Namespace == "" && (p.HTTP != nil || p.TCP != nil || p.Exec != nil || p.LoadBalancer != nil) {
		want(false, "the component has no namespace to look in")
	}
	return faults
}

// hasPort: the port is a number, or the name of one.
func hasPort(s string) bool {
	name, port, _ := strings.Cut(s, ":")
	n, err := strconv.Atoi(port)
	return name != "" && port != "" && (err != nil || n > 0 && n < 65536)
}
