package ready

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/jsonpath"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// patienceStalled is how long a custom resource may say that it is stuck: its
// controller tries again, and what it waits for may be on the way.
const patienceStalled = 30 * time.Second

// judgeObject tells how an object is by kstatus, by what kstatus lets pass, and
// by what the probe wants of it.
func judgeObject(obj *unstructured.Unstructured, p catalog.ObjectProbe) verdict {
	result, err := status.Compute(obj)
	if err != nil {
		return verdict{state: err.Error()}
	}
	v := verdict{done: result.Status == status.CurrentStatus, state: oneLine(result.Message)}
	if result.Status == status.FailedStatus {
		failed := Cause{Key: obj.GetName() + "/status", Text: oneLine(result.Message)}
		if _, known := catalog.BuiltIn[obj.GetKind()]; !known {
			failed.Patience = patienceStalled
		}
		v.causes = append(v.causes, failed)
	}
	if lacks := lacking(obj, p); lacks != "" && (v.done || p.Condition != "") {
		v.done, v.state = false, lacks
	}
	return v
}

// lacking is what an object lacks that kstatus calls current.
func lacking(obj *unstructured.Unstructured, p catalog.ObjectProbe) string {
	number := func(fields ...string) int64 {
		n, _, _ := unstructured.NestedInt64(obj.Object, fields...)
		return n
	}
	switch obj.GetKind() {
	case "Deployment", "StatefulSet", "ReplicaSet":
		// kstatus takes zero replicas, and a StatefulSet that is updated by hand, as they are.
		if ready, want := number("status", "readyReplicas"), number("spec", "replicas"); ready == 0 || ready < want {
			return fmt.Sprintf("%d of %d pods are ready", ready, want)
		}
	case "DaemonSet":
		if number("status", "numberReady") == 0 {
			return "no pod is ready: it is meant for no node"
		}
	case "Job":
		// kstatus takes a Job that runs for one that is done.
		if text := condition(obj, "Complete"); text != "" {
			return fmt.Sprintf("not complete: %d active, %d succeeded, %d failed", number("status", "active"), number("status", "succeeded"), number("status", "failed"))
		}
	}
	if p.Condition != "" {
		if text := condition(obj, p.Condition); text != "" {
			return text
		}
	}
	for _, path := range slices.Sorted(maps.Keys(p.Fields)) {
		if text := field(obj, path, p.Fields[path]); text != "" {
			return text
		}
	}
	return ""
}

// condition is "" if the object's condition is True for its present generation,
// else what it is instead.
func condition(obj *unstructured.Unstructured, kind string) string {
	list, _, _ := unstructured.NestedSlice(obj.Object, "status", "conditions")
	for _, item := range list {
		c, _ := item.(map[string]any)
		if c["type"] != kind {
			continue
		}
		text := func(key string) string { s, _ := c[key].(string); return oneLine(s) }
		if seen, ok := c["observedGeneration"].(int64); ok && seen < obj.GetGeneration() {
			return fmt.Sprintf("condition %s is of generation %d, want %d", kind, seen, obj.GetGeneration())
		}
		if c["status"] == "True" {
			return ""
		}
		return joinNonEmpty(fmt.Sprintf("condition %s is %s", kind, text("status")), text("reason"), text("message"))
	}
	return "condition " + kind + " is not there yet"
}

// field is "" if a JSONPath gives what is wanted, else what it gives instead.
func field(obj *unstructured.Unstructured, path, want string) string {
	j := jsonpath.New("field").AllowMissingKeys(true)
	var out bytes.Buffer
	err := j.Parse(path)
	if err == nil {
		err = j.Execute(&out, obj.Object)
	}
	got := strings.TrimSpace(out.String())
	switch {
	case err != nil:
		return path + ": " + oneLine(err.Error())
	case want == "*" && got != "" || want != "*" && got == want:
		return ""
	case got == "":
		return path + " is empty"
	}
	return fmt.Sprintf("%s is %q, want %q", path, oneLine(got), want)
}
