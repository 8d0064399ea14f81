package lock

import "strings"

// PinObject pins the images of all containers in a Kubernetes object, wherever
// its kind keeps its pods' template, and reports whether one was changed.
func (l Lock) PinObject(object map[string]any) bool {
	return l.pin(object, "")
}

// pin walks the tree: a container is what has an image and stands in a list
// whose name ends in "containers" (containers, initContainers, ephemeralContainers).
func (l Lock) pin(node any, list string) bool {
	changed := false
	switch node := node.(type) {
	case map[string]any:
		image, ok := node["image"].(string)
		if ok && strings.HasSuffix(strings.ToLower(list), "containers") {
			if pinned := l.Pin(image); pinned != image {
				node["image"], changed = pinned, true
			}
		}
		for key, value := range node {
			changed = l.pin(value, key) || changed
		}
	case []any:
		for _, value := range node {
			changed = l.pin(value, list) || changed
		}
	}
	return changed
}
