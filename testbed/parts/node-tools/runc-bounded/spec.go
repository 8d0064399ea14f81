package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// specFile finds the file in which a runc command line says what a process may
// do: config.json of the bundle for create and run, the process file for exec.
// Other commands start nothing, and have none.
func specFile(args []string) (file string, inBundle bool) {
	command := ""
	for _, a := range args {
		if a == "create" || a == "run" || a == "exec" {
			command = a
			break
		}
	}
	switch command {
	case "create", "run":
		return filepath.Join(option(args, ".", "--bundle", "-b"), "config.json"), true
	case "exec":
		return option(args, "", "--process", "-p"), false
	}
	return "", false
}

// option is the value of the first of the names, as "--name value" or "--name=value".
func option(args []string, fallback string, names ...string) string {
	for i, a := range args {
		for _, name := range names {
			if a == name && i+1 < len(args) {
				return args[i+1]
			}
			if value, ok := strings.CutPrefix(a, name+"="); ok {
				return value
			}
		}
	}
	return fallback
}

// fitFile rewrites a spec file so that its process stays within the limits. The
// file belongs to the engine, which wrote it for this one call.
func fitFile(file string, inBundle bool, l limits) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	fitted, err := fit(data, inBundle, l)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if bytes.Equal(data, fitted) {
		return nil
	}
	return os.WriteFile(file, fitted, 0o600)
}

// fit returns the spec with the process fitted, or data itself if nothing had
// to give. What it does not know it passes on: the spec is kept as a tree of
// JSON values, numbers as they were written.
func fit(data []byte, inBundle bool, l limits) ([]byte, error) {
	var spec map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&spec); err != nil {
		return nil, err
	}
	process := spec
	if inBundle {
		process, _ = spec["process"].(map[string]any)
	}
	changed := fitCapabilities(process, l)
	changed = fitOOMScore(process, l) || changed
	changed = fitResourceLimits(process, l) || changed
	if !changed {
		return data, nil
	}
	return json.Marshal(spec)
}

func fitCapabilities(process map[string]any, l limits) (changed bool) {
	sets, _ := process["capabilities"].(map[string]any)
	for set, v := range sets {
		asked, _ := v.([]any)
		kept := make([]any, 0, len(asked))
		for _, c := range asked {
			if name, _ := c.(string); l.has(name) {
				kept = append(kept, c)
			}
		}
		if len(kept) < len(asked) {
			sets[set], changed = kept, true
		}
	}
	return changed
}

// fitOOMScore raises a score below our own: to lower it takes CAP_SYS_RESOURCE.
func fitOOMScore(process map[string]any, l limits) bool {
	n, ok := process["oomScoreAdj"].(json.Number)
	if !ok || l.has("CAP_SYS_RESOURCE") {
		return false
	}
	if asked, err := strconv.Atoi(n.String()); err != nil || asked >= l.oomScore {
		return false
	}
	process["oomScoreAdj"] = l.oomScore
	return true
}

// fitResourceLimits lowers limits above our own hard ones, for the same reason.
func fitResourceLimits(process map[string]any, l limits) (changed bool) {
	if l.has("CAP_SYS_RESOURCE") {
		return false
	}
	list, _ := process["rlimits"].([]any)
	for _, v := range list {
		limit, _ := v.(map[string]any)
		kind, _ := limit["type"].(string)
		most, known := l.hard(kind)
		if !known {
			continue
		}
		for _, field := range []string{"hard", "soft"} {
			n, _ := limit[field].(json.Number)
			if asked, err := strconv.ParseUint(n.String(), 10, 64); err == nil && asked > most {
				limit[field], changed = most, true
			}
		}
	}
	return changed
}
