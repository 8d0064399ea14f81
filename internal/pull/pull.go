// Package pull decides which images of a plan are pulled by whom, so that all
// pulls can begin before anything that needs them: the Docker engine pulls what
// runs beside the cluster and the image of the nodes, and the caches that stand
// between the nodes and the registries are filled with what runs in the cluster.
//
// The package is pure.
package pull

import (
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/plan"
)

// ClusterDriver is the driver of the component whose images are the nodes'.
const ClusterDriver = "cluster"

// CacheDriver is the driver of the component that runs the caches.
const CacheDriver = "cache"

// Image is one image that is pulled ahead.
type Image struct {
	Ref    string   // as the catalog or an input names it
	Engine bool     // by the Docker engine; else into a cache
	For    []string // the components that wait for it
}

// Images lists what a plan pulls, in the order in which it is worth pulling.
// Without caches what runs in the cluster is left to its nodes.
func Images(p plan.Plan) []Image {
	cached := slices.ContainsFunc(p.Components, func(c catalog.Component) bool { return c.Driver == CacheDriver })
	var images []Image
	for _, ordered := range p.Images() {
		for _, c := range p.Components {
			if !slices.Contains(c.Images, ordered.Ref) {
				continue
			}
			engine := c.Tier == "docker" || c.Driver == ClusterDriver
			if engine || cached {
				images = add(images, ref(c, ordered.Ref), engine, c.Name)
			}
		}
	}
	return images
}

// ref is what is really pulled for an image that a component lists: the nodes'
// image is a setting, which an input may have changed.
func ref(c catalog.Component, listed string) string {
	if c.Driver == ClusterDriver {
		if image, ok := c.Settings["image"].(string); ok {
			return image
		}
	}
	return listed
}

func add(images []Image, ref string, engine bool, name string) []Image {
	for i, have := range images {
		if lock.Normal(have.Ref) == lock.Normal(ref) && have.Engine == engine {
			if !slices.Contains(have.For, name) {
				images[i].For = append(images[i].For, name)
			}
			return images
		}
	}
	return append(images, Image{Ref: ref, Engine: engine, For: []string{name}})
}

// The names under which a run hands over to drivers what the inputs say.
const (
	MirrorValue    = "registry-mirror" // Values: URL that is asked in place of all upstreams
	KeepValue      = "keep-cache"      // Values: "true" leaves the volumes when all else is removed
	UsernameValue  = "docker-username" // Values: of Docker Hub
	PasswordSecret = "docker-password" // Secrets: of Docker Hub
)

// Request asks the Docker engine for one image.
type Request struct {
	Ref                string
	Digest             string // that it must have; "" for any
	Username, Password string // at its registry; "" for whom Docker's own configuration names
}

// Tag is a reference without its digest.
func Tag(ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	return name
}

// Host is the registry of an image: "docker.io".
func Host(ref string) string {
	host, _, _ := strings.Cut(lock.Normal(ref), "/")
	return host
}

// CacheName is the name of a platform's cache of a host, of its volume, and on
// the nodes' network.
func CacheName(platform, host string) string { return platform + "-" + CacheValue(host) }

// CacheValue is the name of the value that holds the URL of a host's cache.
func CacheValue(host string) string {
	return "cache-" + strings.NewReplacer(".", "-", ":", "-").Replace(host)
}

// CacheURL is where the nodes reach a cache.
func CacheURL(platform, host string) string { return "http://" + CacheName(platform, host) + ":5000" }
