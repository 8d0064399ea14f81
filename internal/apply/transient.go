package apply

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// IsTransient reports whether the same request may well succeed when sent
// again: the connection broke, the API server or its etcd is busy, or a webhook
// behind it does not answer, or is not trusted, yet. What was refused (invalid,
// forbidden, over quota, denied by a webhook) stays refused.
func IsTransient(err error) bool {
	var status apierrors.APIStatus
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil:
		return false
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return false // whoever set the limit wants no more, whatever was last seen
	case errors.As(err, &certificate):
		return false // the API server's own: the kubeconfig is of another cluster
	case holdsAny(err.Error(), finalTexts):
		return false
	case errors.As(err, &status):
		return transientStatus(status.Status(), err)
	}
	return brokenConnection(err) || holdsAny(err.Error(), transientTexts)
}

// finalTexts are refusals, under whatever code they come: a webhook may deny with 500.
var finalTexts = []string{"denied the request", "exceeded quota", "violates PodSecurity", "request is too large",
	"no space left on device", "mvcc: database space exceeded"}

// transientTexts tell a passing fault where no type is left to tell it: in an
// error that went through Helm, or of a connection's depths.
var transientTexts = []string{
	"failed calling webhook", "conversion webhook for", "no endpoints available for service",
	"etcdserver: leader changed", "etcdserver: request timed out", "etcdserver: no leader", "etcdserver: too many requests",
	"the server is currently unable to handle the request", "the server was unable to return a response in the time allotted",
	"server sent GOAWAY", "Server's graceful shutdown GOAWAY", "client connection lost", "client connection force closed",
	"TLS handshake timeout", "connection refused", "connection reset by peer", "broken pipe", "i/o timeout", "unexpected EOF",
}

func transientStatus(s metav1.Status, err error) bool {
	switch {
	case s.Code == 429 || s.Code >= 500:
		return true // a webhook that cannot be called is a 500, etcd without a leader as well
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return true
	case apierrors.IsConflict(err):
		// Somebody wrote in between. A field that another manager owns stays owned.
		return s.Details == nil || len(s.Details.Causes) == 0
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return true // what is left of an earlier platform is still going
	case apierrors.IsForbidden(err):
		// The first pod of a new namespace comes before its service account does.
		return strings.Contains(s.Message, "error looking up service account")
	}
	return false
}

// brokenConnection: a request that got no answer, or half of one.
func brokenConnection(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) || utilnet.IsHTTP2ConnectionLost(err) ||
		utilnet.IsProbableEOF(err) || errors.Is(err, io.ErrUnexpectedEOF) // which IsProbableEOF does not know
}

func holdsAny(text string, signs []string) bool {
	for _, sign := range signs {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
