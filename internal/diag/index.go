package diag

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
)

// about says what the files are for, by their names; others are explained by
// the folder that they lie in.
var about = map[string]string{
	"cause.txt":       "the error that the run ended with, and what became of each component",
	"errors.txt":      "what could not be gathered, and why",
	"events.txt":      "events in order of time",
	"pods.txt":        "every pod: phase, ready containers, restarts, node",
	"workloads.txt":   "every Deployment, StatefulSet, DaemonSet and Job: ready and wanted pods",
	"nodes.txt":       "every node: ready or why not, version, pressure",
	"containers.txt":  "every container: state, exit code, killed for memory or not, restarts",
	"images.txt":      "every image that is there: what is missing was not pulled",
	"networks.txt":    "every network with its subnets and containers",
	"engine.txt":      "the engine: version, storage, cgroups, warnings",
	"engine-disk.txt": "what fills the engine's disk",
	"memory.txt":      "memory of the machine, and the processes that have most of it",
	"disk.txt":        "room on the file systems",
	"oom.txt":         "processes that the kernel killed for memory",
	"pressure.txt":    "how much work waits for CPU, memory and disk",
	"ports.txt":       "TCP ports that something listens on",
}

// suffixes explain files that are named after what they are of.
var suffixes = []struct{ suffix, text string }{
	{".before.log", "log of the container's run before"},
	{".kubelet.log", "the node's kubelet"},
	{".containerd.log", "the node's container runtime"},
	{".containers.txt", "the node's containers as its runtime sees them"},
	{".images.txt", "the images that the node has pulled"},
	{".disk.txt", "room on the node's file systems"},
	{".console.log", "what the node's container printed"},
	{".log", "log"},
	{".yaml", "the object as the API server has it, with its status"},
	{".json", "what the engine says of the container, with its health checks"},
}

// index is the README of the folder.
func (w *writer) index(c Case) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Diagnostics of platform %s\n\nThe cause:\n\n```\n%s\n```\n\n", c.Env.Name, w.hide.Replace(c.Cause.Error()))
	folder := ""
	for _, f := range w.list() {
		if dir := filepath.Dir(f.path); dir != "." && dir != folder {
			folder = dir
			fmt.Fprintf(&b, "\n## %s\n%s", folder, c.describe(folder))
		}
		if f.path == "README.md" {
			continue
		}
		fmt.Fprintf(&b, "- [%s](%s), %d bytes", filepath.Base(f.path), filepath.ToSlash(f.path), f.size)
		if text := explain(filepath.Base(f.path)); text != "" {
			b.WriteString(": " + text)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// describe is the description of a component, if the folder is one's.
func (c Case) describe(folder string) string {
	for _, component := range c.Components {
		if component.Name == folder {
			return component.Description + "\n\n"
		}
	}
	return "\n"
}

func explain(name string) string {
	if text, ok := about[name]; ok {
		return text
	}
	for _, s := range suffixes {
		if strings.HasSuffix(name, s.suffix) {
			return s.text
		}
	}
	return ""
}

// causeText is the cause, and what ran, what failed and what was never started.
func causeText(c Case) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", c.Cause)
	for _, s := range c.Steps {
		switch {
		case s.Outcome == engine.Blocked:
			fmt.Fprintf(&b, "%-20s never started, needs %s\n", s.ID, strings.Join(s.Needs, ", "))
		case s.Outcome == engine.Stopped:
			fmt.Fprintf(&b, "%-20s stopped after %s: %v\n", s.ID, took(s), s.Err)
		case s.Err != nil:
			fmt.Fprintf(&b, "%-20s failed after %s (tries: %d): %v\n", s.ID, took(s), s.Attempts, s.Err)
		default:
			fmt.Fprintf(&b, "%-20s %s in %s\n", s.ID, s.Outcome, took(s))
		}
	}
	return b.String()
}

func took(s engine.Result) time.Duration { return s.End.Sub(s.Start).Round(100 * time.Millisecond) }
