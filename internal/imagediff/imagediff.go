// Package imagediff finds the first thing in which two archives of an image
// differ: the layer, the file in it, and what about the file. It is for builds that
// should have made the same image twice.
package imagediff

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Compare says in one line where two archives differ first; "" when nowhere.
func Compare(first, second string) (string, error) {
	a, err := open(first)
	if err != nil {
		return "", err
	}
	defer a.close()
	b, err := open(second)
	if err != nil {
		return "", err
	}
	defer b.close()
	left, err := a.images()
	if err != nil {
		return "", err
	}
	right, err := b.images()
	if err != nil {
		return "", err
	}
	if len(left) == 0 || len(left) != len(right) {
		return "", fmt.Errorf("compare images: %d and %d in the archives", len(left), len(right))
	}
	for i := range left {
		told, err := compare(a, b, left[i], right[i])
		if err != nil || told != "" {
			if len(left) > 1 {
				told = left[i].platform + ": " + told
			}
			return told, err
		}
	}
	return "", nil
}

func compare(a, b *archive, left, right image) (string, error) {
	var l, r v1.Image
	if err := errors.Join(json.Unmarshal(left.config, &l), json.Unmarshal(right.config, &r)); err != nil {
		return "", err
	}
	if len(left.layers) != len(right.layers) || len(l.RootFS.DiffIDs) != len(left.layers) || len(r.RootFS.DiffIDs) != len(right.layers) {
		return fmt.Sprintf("%d layers and %d", len(left.layers), len(right.layers)), nil
	}
	for i := range l.RootFS.DiffIDs {
		if l.RootFS.DiffIDs[i] == r.RootFS.DiffIDs[i] {
			continue
		}
		told, err := compareLayers(a, b, left.layers[i], right.layers[i])
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("layer %d of %d%s: %s", i+1, len(left.layers), instruction(l.History, i), told), nil
	}
	if told := compareConfigs(left.config, right.config); told != "" {
		return "configuration: " + told, nil
	}
	if left.digest != right.digest {
		return "the layers are compressed differently", nil
	}
	return "", nil
}

func compareLayers(a, b *archive, left, right string) (string, error) {
	lists := make([][]file, 2)
	for i, part := range []struct {
		from  *archive
		layer string
	}{{a, left}, {b, right}} {
		r, err := part.from.reader(part.layer)
		if err == nil {
			lists[i], err = files(r)
		}
		if err != nil {
			return "", fmt.Errorf("read layer %s: %w", part.layer, err)
		}
	}
	told, differ := firstDifference(lists[0], lists[1])
	switch {
	case differ == 0:
		return "the same files in another order or form", nil
	case differ > 1:
		return fmt.Sprintf("%s (and %d more)", told, differ-1), nil
	}
	return told, nil
}

// instruction is what made a layer, as the history tells it.
func instruction(history []v1.History, layer int) string {
	for _, h := range history {
		if h.EmptyLayer {
			continue
		}
		if layer--; layer < 0 {
			return " (" + strings.TrimSuffix(h.CreatedBy, " # buildkit") + ")"
		}
	}
	return ""
}

// compareConfigs names the first field that differs.
func compareConfigs(left, right []byte) string {
	if string(left) == string(right) {
		return ""
	}
	var l, r map[string]json.RawMessage
	if json.Unmarshal(left, &l) != nil || json.Unmarshal(right, &r) != nil {
		return "it is no JSON object"
	}
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if string(l[name]) != string(r[name]) {
			return fmt.Sprintf("%s is %s and %s", name, brief(l[name]), brief(r[name]))
		}
	}
	return "fields of the second are not in the first"
}

// brief is as much of a value as one line takes.
func brief(raw json.RawMessage) string {
	const most = 120
	if len(raw) == 0 {
		return "nothing"
	}
	if len(raw) > most {
		return string(raw[:most]) + "…"
	}
	return string(raw)
}
