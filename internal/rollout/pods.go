package rollout

import "fmt"

// Trouble is a container that cannot start and will not by waiting a little.
type Trouble struct {
	Reason  string // machine word: "image_pull", "crash_loop" or "container_config"
	Message string // one sentence
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
	status := object(pod, "status")
	statuses := append(list(status, "initContainerStatuses"), list(status, "containerStatuses")...)
	for _, c := range statuses {
		waiting := object(object(c, "state"), "waiting")
		reason, ok := troubles[text(waiting, "reason")]
		if !ok {
			continue
		}
		message := fmt.Sprintf("pod %s cannot start: container %s is in %s", text(object(pod, "metadata"), "name"), text(c, "name"), text(waiting, "reason"))
		if detail := text(waiting, "message"); detail != "" {
			message += " (" + detail + ")"
		}
		return Trouble{Reason: reason, Message: message}, true
	}
	return Trouble{}, false
}
