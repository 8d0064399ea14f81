package catalog

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/buenhyden/hy-home/internal/decode"
)

func TestCheckProbes_WhatWouldHoldThoughNothingIsReady(t *testing.T) {
	probes := func(text string) []Probe {
		var c struct{ Ready []Probe }
		if err := decode.YAML([]byte("ready:\n"+text), &c); err != nil {
			t.Fatal(err)
		}
		return c.Ready
	}
	exposed := []Endpoint{
		{Name: "s3", Protocol: S3, Secrets: map[string]string{AccessKey: "a", SecretKey: "b"}},
		{Name: "pg", Protocol: Postgres},
		{Name: "redis-cluster", Protocol: Redis, Clustered: true},
	}
	for _, tt := range []struct{ name, tier, ready, want string }{
		{"good workload", "cluster", "- object: {kind: Deployment, name: web}", ""},
		{"good custom resource", "cluster", "- object: {kind: Certificate, api-version: cert-manager.io/v1, selector: app=web, condition: Ready}", ""},
		{"custom resource without a criterion", "cluster", "- object: {kind: Certificate, api-version: cert-manager.io/v1, name: a}", `kind "Certificate" needs a condition or fields`},
		{"unknown kind without version", "cluster", "- object: {kind: Certificate, name: a, condition: Ready}", `kind "Certificate" needs its api-version`},
		{"name and selector", "cluster", "- object: {kind: Deployment, name: web, selector: app=web}", "either a name or a selector"},
		{"no JSONPath", "cluster", "- object: {kind: Service, name: a, fields: {status: x}}", `field "status" is no JSONPath`},
		{"a Job alone", "cluster", "- object: {kind: Job, name: seed}", "a Job that ended well proves nothing"},
		{"a Job and what it made", "cluster", "- object: {kind: Job, name: seed}\n- object: {kind: Secret, name: made}", ""},
		{"webhook alone", "cluster", "- webhook: {manifest: pool.yaml}", "add ca-bundle, or an object that it refuses"},
		{"webhook that refuses", "cluster", "- webhook: {manifest: pool.yaml, refuses: is not a CIDR}", ""},
		{"webhook without its file", "cluster", "- webhook: {manifest: lost.yaml, refuses: x}", `manifest "lost.yaml" is no file`},
		{"ca of something else", "cluster", "- ca-bundle: {kind: Service, name: a}", `kind is "Service", want one of Validating`},
		{"http with a url in the cluster", "cluster", "- http: {url: 'http://a'}", "asked by service, not by url"},
		{"http without a port", "docker", "- http: {service: minio}", `service is "minio", want name:port`},
		{"tcp says and hears nothing", "docker", "- tcp: {service: 'redis:6379', send: PING}", "sends something and expects nothing"},
		{"speaks to what is exposed", "docker", "- speak: {endpoint: s3, bucket: loki}", ""},
		{"speaks to what is not exposed", "docker", "- speak: {endpoint: redis}", `the component exposes no endpoint "redis"`},
		{"a bucket of PostgreSQL", "docker", "- speak: {endpoint: pg, bucket: loki}", "a bucket is for an endpoint of S3 with access-key and secret-key"},
		{"a Redis cluster that is whole", "docker", "- speak: {endpoint: redis-cluster, expect: ['cluster_size:3']}", ""},
		{"what S3 does not say", "docker", "- speak: {endpoint: s3, expect: ['cluster_size:3']}", "expect is for a clustered endpoint of redis"},
		{"speaks in the cluster", "cluster", "- speak: {endpoint: s3}", "it is for the docker tier"},
		{"exec in the cluster by service", "cluster", "- exec: {services: [a], command: [b]}", "the cluster tier wants pods"},
		{"exec in the docker tier by pods", "docker", "- exec: {pods: app=a, command: [b]}", "the docker tier wants services"},
		{"workload in the docker tier", "docker", "- object: {kind: Deployment, name: web}", "the docker tier has only speak, http, tcp, exec"},
		{"load balancer without a port", "cluster", "- load-balancer: {service: web}", "port is 0"},
		{"nothing", "cluster", "- {}", "must have exactly one of object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var faults []string
			c := Component{Tier: tt.tier, Namespace: "shop", Ready: probes(tt.ready), Expose: exposed, Files: fstest.MapFS{"pool.yaml": {}}}
			checkProbes(c, func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) })
			if got := strings.Join(faults, "; "); !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
