package apply

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// refusedBy is an answer of the API server as client-go makes an error of it.
func refusedBy(code int32, reason metav1.StatusReason, message string, causes ...metav1.StatusCause) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message, Details: &metav1.StatusDetails{Causes: causes}}}
}

// The texts are as clusters and people reported them.
func TestIsTransient(t *testing.T) {
	internal := func(message string) error { return refusedBy(500, metav1.StatusReasonInternalError, message) }
	for _, tt := range []struct {
		name string
		want bool
		err  error
	}{
		{"nothing", false, nil},
		{"anything", false, errors.New("any")},
		{"etcd's disk is full", false, internal("write /var/lib/etcd/member/wal/0.tmp: no space left on device")},
		{"etcd's quota is used up", false, internal("etcdserver: mvcc: database space exceeded")},
		// Webhooks that come up: cert-manager#4453, #4713, metallb#1540, kyverno#7294, epinio#608.
		{"webhook: nobody listens", true, internal(`Internal error occurred: failed calling webhook "webhook.cert-manager.io": failed to call webhook: Post "https://cert-manager-webhook.cert-manager.svc:443/mutate?timeout=10s": dial tcp 10.152.183.134:443: connect: connection refused`)},
		{"webhook: not trusted", true, internal(`Internal error occurred: failed calling webhook "webhook.cert-manager.io": failed to call webhook: Post "https://cert-manager-webhook.cert-manager.svc:443/validate?timeout=30s": tls: failed to verify certificate: x509: certificate signed by unknown authority`)},
		{"webhook: no endpoints", true, internal(`Internal error occurred: failed calling webhook "validate-policy.kyverno.svc": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/policyvalidate?timeout=10s": no endpoints available for service "kyverno-svc"`)},
		{"webhook: out of time", true, internal(`Internal error occurred: failed calling webhook "ipaddresspoolvalidationwebhook.metallb.io": failed to call webhook: Post "https://metallb-webhook-service.metallb-system.svc:443/validate-metallb-io-v1beta1-ipaddresspool?timeout=10s": context deadline exceeded`)},
		{"webhook: conversion", true, internal(`conversion webhook for cert-manager.io/v1alpha2, Kind=Certificate failed: Post "https://cert-manager-webhook.cert-manager.svc:443/convert?timeout=30s": x509: certificate signed by unknown authority`)},
		{"webhook: in the words of Helm", true, errors.New(`failed to create resource: Internal error occurred: failed calling webhook "rancher.cattle.io.namespaces": EOF`)},
		{"webhook: says no", false, refusedBy(400, metav1.StatusReasonInvalid, `admission webhook "pools.example.com" denied the request: 10.0.0.0 is not a CIDR`)},
		{"webhook: says no with 500", false, internal(`admission webhook "pools.example.com" denied the request: 10.0.0.0 is not a CIDR`)},
		// etcd and API server: helm#7637, helm#7992, kubernetes-sigs/kind on busy machines.
		{"etcd: leader", true, internal("etcdserver: leader changed")},
		{"etcd: leader, in the words of Helm", true, errors.New("rpc error: code = Unavailable desc = etcdserver: leader changed")},
		{"etcd: slow", true, internal("etcdserver: request timed out")},
		{"API server: busy", true, apierrors.NewTooManyRequests("the server has received too many requests and has asked us to try again later", 1)},
		{"API server: overloaded", true, refusedBy(503, metav1.StatusReasonServiceUnavailable, "the server is currently unable to handle the request")},
		{"API server: out of time", true, apierrors.NewTimeoutError("request did not complete within the requested timeout", 1)},
		{"API server: bad gateway", true, refusedBy(502, metav1.StatusReasonUnknown, "an error on the server (\"unknown\") has prevented the request from succeeding")},
		{"conflict of two writes", true, apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, "a", errors.New("the object has been modified; please apply your changes to the latest version and try again"))},
		{"conflict of two owners", false, refusedBy(409, metav1.StatusReasonConflict, `Apply failed with 1 conflict: conflict with "kubectl": .spec.replicas`, metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Field: ".spec.replicas"})},
		{"namespace on its way out", true, refusedBy(403, metav1.StatusReasonForbidden, `configmaps "a" is forbidden: unable to create new content in namespace shop because it is being terminated`, metav1.StatusCause{Type: corev1.NamespaceTerminatingCause})},
		// kata-containers#12269, nix-snapshotter#154.
		{"namespace without a service account yet", true, refusedBy(403, metav1.StatusReasonForbidden, `pods "redis" is forbidden: error looking up service account default/default: serviceaccount "default" not found`)},
		// Connections: argo-cd#17420, and what kube-apiserver does as it restarts.
		{"GOAWAY", true, fmt.Errorf("unexpected error when reading response body. Please retry. Original error: %w", errors.New(`http2: server sent GOAWAY and closed the connection; LastStreamID=1999, ErrCode=NO_ERROR, debug=""`))},
		{"reset", true, &url.Error{Op: "Patch", URL: "https://127.0.0.1:6443/api", Err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}}},
		{"refused", true, &url.Error{Op: "Get", URL: "https://127.0.0.1:6443/api", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}},
		{"TLS handshake", true, &url.Error{Op: "Get", URL: "https://127.0.0.1:6443/api", Err: errors.New("net/http: TLS handshake timeout")}},
		{"EOF", true, &url.Error{Op: "Get", URL: "https://127.0.0.1:6443/api", Err: io.EOF}},
		{"cut short", true, fmt.Errorf("unexpected error when reading response body. Please retry. Original error: %w", io.ErrUnexpectedEOF)},
		{"another cluster", false, &url.Error{Op: "Get", URL: "https://127.0.0.1:6443/api", Err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}},
		// What was refused stays refused.
		{"quota", false, refusedBy(403, metav1.StatusReasonForbidden, `pods "web-1" is forbidden: exceeded quota: one, requested: pods=1, used: pods=1, limited: pods=1`)},
		{"Pod Security", false, refusedBy(403, metav1.StatusReasonForbidden, `pods "web" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false`)},
		{"no permission", false, refusedBy(403, metav1.StatusReasonForbidden, `pods is forbidden: User "nobody" cannot list resource "pods" in API group ""`)},
		{"invalid", false, refusedBy(422, metav1.StatusReasonInvalid, `Deployment.apps "web" is invalid: spec.selector: Required value`)},
		{"no such kind", false, errors.New(`no matches for kind "IPAddressPool" in version "metallb.io/v1beta1"`)},
		{"bad request", false, apierrors.NewBadRequest("strict decoding error: unknown field \"spec.replica\"")},
		{"too large", false, refusedBy(413, metav1.StatusReasonRequestEntityTooLarge, "etcdserver: request is too large")},
		{"out of time", false, fmt.Errorf("not ready: %w (%w)", io.ErrUnexpectedEOF, context.DeadlineExceeded)},
		{"cancelled", false, &url.Error{Op: "Get", URL: "https://127.0.0.1:6443/api", Err: context.Canceled}},
	} {
		if got := IsTransient(tt.err); got != tt.want {
			t.Errorf("%s: transient is %v, want %v: %v", tt.name, got, tt.want, tt.err)
		}
	}
}
