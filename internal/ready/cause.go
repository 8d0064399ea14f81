package ready

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/buenhyden/hy-home/internal/dns"
)

// Cause is why a pod does not come up.
type Cause struct {
	Key  string // what it is about: stays the same while the kubelet alternates between two reasons for it
	Text string // one line for people: "loki-0: ImagePullBackOff: not found"
	// Patience is how long it may last before it counts as final: kubelet and
	// scheduler try again, and some of it heals (a Secret that comes a second
	// later, a node that joins).
	Patience time.Duration
}

// The patience for each class of cause.
const (
	patienceFinal   = 0                // trying again cannot help
	patienceImage   = 10 * time.Second // the registry has answered twice that there is no such image, or DNS that there is no such registry
	patienceNetwork = time.Minute      // the registry did not answer
	patienceConfig  = 20 * time.Second // a Secret or ConfigMap applied right after its reader is normal
	patienceCrash   = 45 * time.Second // one or two crashes while a dependency starts are normal
	patienceRoom    = 30 * time.Second // a node that joins, or a pod that goes, makes room
)

// crashLoop is how many restarts make a crash loop final: the kubelet waits
// 10 s, 20 s, 40 s between them, so the third comes after half a minute.
const crashLoop = 3

// PodCause finds the first thing that keeps a pod from being ready, if there is one.
func PodCause(p *corev1.Pod) (Cause, bool) {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return Cause{Key: p.Name + "/schedule", Text: p.Name + ": FailedScheduling: " + firstSentence(c.Message), Patience: patienceRoom}, true
		}
	}
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for _, s := range list {
			if cause, ok := containerCause(p.Name, s); ok {
				return cause, true
			}
		}
	}
	if p.Status.Phase == corev1.PodFailed {
		return Cause{Key: p.Name + "/phase", Text: joinNonEmpty(p.Name, p.Status.Reason, oneLine(p.Status.Message)), Patience: patienceRoom}, true
	}
	return Cause{}, false
}

func containerCause(pod string, s corev1.ContainerStatus) (Cause, bool) {
	w := s.State.Waiting
	if w == nil {
		return Cause{}, false
	}
	cause := Cause{Key: pod + "/" + s.Name, Text: joinNonEmpty(pod, w.Reason, oneLine(w.Message))}
	switch w.Reason {
	case "InvalidImageName", "ErrImageNeverPull":
		cause.Patience = patienceFinal
	case "ErrImagePull", "ImagePullBackOff":
		cause.Key += "/image"
		cause.Text = joinNonEmpty(pod, w.Reason, pullReason(s.Image, w.Message))
		cause.Patience = patienceNetwork
		switch {
		case full.MatchString(w.Message):
			cause.Patience = patienceFinal
		case refused(w.Message), dns.Unknown(w.Message) != nil:
			cause.Patience = patienceImage
		}
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		cause.Patience = patienceConfig
	case "CrashLoopBackOff":
		cause.Text = joinNonEmpty(pod, w.Reason, lastExit(s))
		cause.Patience = patienceCrash
		if s.RestartCount >= crashLoop {
			cause.Patience = patienceFinal
		}
	default: // PodInitializing, ContainerCreating: on the way
		return Cause{}, false
	}
	return cause, true
}

// full is what a node says whose disk is, with the file that it could not write.
var full = regexp.MustCompile(`(?i)(?:\w+ )?/\S+: (?:no space left on device|disk quota exceeded)`)

// refused reports whether the registry answered and said no.
func refused(message string) bool {
	m := strings.ToLower(message)
	for _, sign := range []string{"not found", "manifest unknown", "name unknown", "unauthorized", "denied", "forbidden"} {
		if strings.Contains(m, sign) {
			return true
		}
	}
	return false
}

// pullReason takes the end of containerd's chain of errors, where the reason is.
// "Back-off pulling image" holds none, but newer kubelets append it.
func pullReason(image, message string) string {
	m := strings.Join(strings.Fields(message), " ")
	if file := full.FindString(m); file != "" {
		m = "on its node: " + file // what is before it names the image and its layers
	} else if i := strings.LastIndex(m, ": "); i >= 0 && refused(m) {
		m = m[i+2:]
	} else if unknown := dns.Unknown(m); unknown != nil {
		m = unknown.Error()
	} else if i := strings.LastIndex(m, "failed to do request: "); i >= 0 {
		m = m[i+len("failed to do request: "):] // what is before it names the image three times
	}
	m = oneLine(m)
	if image == "" || strings.Contains(m, image) {
		return m
	}
	return image + ": " + m
}

func lastExit(s corev1.ContainerStatus) string {
	t := s.LastTerminationState.Terminated
	if t == nil {
		return fmt.Sprintf("container %s restarted %d times", s.Name, s.RestartCount)
	}
	text := fmt.Sprintf("container %s exited with %d", s.Name, t.ExitCode)
	if t.Reason != "" && t.Reason != "Error" {
		text += " (" + t.Reason + ")"
	}
	if t.Message != "" {
		text += ": " + oneLine(t.Message)
	}
	return text
}

// firstSentence leaves out what the scheduler says of preemption after the reason.
func firstSentence(s string) string {
	s, _, _ = strings.Cut(oneLine(s), ". ")
	return s
}

// oneLine makes foreign text fit into one line of an error, at most 300 bytes of it.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

func joinNonEmpty(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ": ")
}
