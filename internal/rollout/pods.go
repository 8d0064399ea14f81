package rollout

import (
	"fmt"
	"strings"
)

// Trouble is a container that cannot start and will not by waiting a little.
type Trouble struct {
	Reason  string // machine word: "image_pull", "crash_loop", "container_config" or "unschedulable"
	Message string // one sentence

	Pod, Container string // whose log may say more; Container is empty for a pod that has no place
	Words          string // the container's last words, if its status holds them
	ended          bool   // it has not been started again since
}

// troubles maps what the kubelet writes as a container's waiting reason.
var troubles = map[string]string{
	"ErrImagePull":               "image_pull",
	"ImagePullBackOff":           "image_pull",
	"ErrImageNeverPull":          "image_pull",
	"InvalidImageName":           "image_pull",
	"CrashLoopBackOff":           "crash_loop",
	"CreateContainerConfigError": "container_config",
	"CreateContainerError":       "container_config",
	"RunContainerError":          "container_config",
}

// FindTrouble looks for a container that cannot start in one pod's JSON form.
// Argo itself shows such a revision as Progressing until its deadline, which is
// ten minutes by default; the kubelet knows within seconds.
func FindTrouble(pod map[string]any) (Trouble, bool) {
	meta, status := object(pod, "metadata"), object(pod, "status")
	if text(meta, "deletionTimestamp") != "" {
		return Trouble{}, false // it goes, whatever it says
	}
	name := text(meta, "name")
	for _, c := range append(list(status, "initContainerStatuses"), list(status, "containerStatuses")...) {
		t := Trouble{Pod: name, Container: text(c, "name")}
		waiting, ended := object(object(c, "state"), "waiting"), object(object(c, "state"), "terminated")
		last := object(object(c, "lastState"), "terminated")
		if ended != nil {
			last, t.ended = ended, true
		}
		exit := number(last, "exitCode", 0)
		t.Words = strings.TrimSpace(text(last, "message"))
		detail := text(waiting, "message")
		how := text(waiting, "reason")
		t.Reason = troubles[how]
		if t.Reason == "" && ended != nil && exit != 0 && number(c, "restartCount", 0) > 0 {
			// Between two crashes the kubelet shows the end of the last one.
			t.Reason, how = "crash_loop", "a crash loop"
		}
		if t.Reason == "" {
			continue
		}
		if t.Reason == "crash_loop" && last != nil { // says more than "back-off 10s restarting"
			detail = fmt.Sprintf("exit code %d", exit)
			if why := text(last, "reason"); why != "" && why != "Error" {
				detail = why + ", " + detail
			}
			if n := number(c, "restartCount", 0); n > 0 {
				detail += fmt.Sprintf(", %d restarts", n)
			}
		}
		t.Message = fmt.Sprintf("pod %s cannot start: container %s is in %s", name, t.Container, how)
		if detail != "" {
			t.Message += " (" + detail + ")"
		}
		return t, true
	}
	for _, c := range list(status, "conditions") {
		if text(c, "type") == "PodScheduled" && text(c, "status") == "False" && text(c, "reason") == "Unschedulable" {
			return Trouble{Reason: "unschedulable", Pod: name, Message: fmt.Sprintf("pod %s has no node to run on: %s", name, text(c, "message"))}, true
		}
	}
	return Trouble{}, false
}

// LastWords is the end of what a container wrote, short enough for a sentence:
// its last line that is not empty.
func LastWords(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	words := strings.TrimSpace(lines[len(lines)-1])
	const most = 300
	if r := []rune(words); len(r) > most {
		words = string(r[:most]) + "…"
	}
	return words
}
