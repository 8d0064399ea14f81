// Command crictl answers the questions that kind and people put to a node's
// container runtime, over the same interface as the kubelet (CRI).
//
// It is not cri-tools: kind itself asks only "crictl inspecti IMAGE" (to find
// out whether a node has an image already); images, ps, pods and version are
// for whoever looks into a node.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	socket  = "unix:///run/containerd/containerd.sock"
	timeout = 30 * time.Second // containerd answers in milliseconds unless the node is starved
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "crictl:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: crictl version | images | inspecti IMAGE | ps | pods")
	}
	conn, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	q := query{images: cri.NewImageServiceClient(conn), runtime: cri.NewRuntimeServiceClient(conn), out: out}
	switch args[0] {
	case "inspecti":
		if len(args) < 2 {
			return errors.New("inspecti needs the name of an image")
		}
		return q.image(ctx, args[len(args)-1])
	case "images":
		return q.allImages(ctx)
	case "ps":
		return q.containers(ctx)
	case "pods":
		return q.pods(ctx)
	case "version", "info":
		return q.version(ctx)
	}
	return fmt.Errorf("%q is not one of version, images, inspecti, ps, pods", args[0])
}

// query puts one question and prints the answer.
type query struct {
	images  cri.ImageServiceClient
	runtime cri.RuntimeServiceClient
	out     io.Writer
}

func (q query) image(ctx context.Context, name string) error {
	res, err := q.images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
	if err != nil {
		return err
	}
	if res.Image == nil {
		return fmt.Errorf("no such image %q present", name) // cri-tools' own words
	}
	return q.json(map[string]any{"status": describe(res.Image)})
}

func (q query) allImages(ctx context.Context) error {
	res, err := q.images.ListImages(ctx, &cri.ListImagesRequest{})
	if err != nil {
		return err
	}
	list := []any{}
	for _, image := range res.Images {
		list = append(list, describe(image))
	}
	return q.json(map[string]any{"images": list})
}

func (q query) containers(ctx context.Context) error {
	res, err := q.runtime.ListContainers(ctx, &cri.ListContainersRequest{})
	if err != nil {
		return err
	}
	for _, c := range res.Containers {
		fmt.Fprintf(q.out, "%.13s  %-20s %s/%s %s (attempt %d)\n", c.Id, c.State,
			c.Labels["io.kubernetes.pod.namespace"], c.Labels["io.kubernetes.pod.name"], c.Metadata.Name, c.Metadata.Attempt)
	}
	return nil
}

func (q query) pods(ctx context.Context) error {
	res, err := q.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	for _, p := range res.Items {
		fmt.Fprintf(q.out, "%.13s  %-18s %s/%s\n", p.Id, p.State, p.Metadata.Namespace, p.Metadata.Name)
	}
	return nil
}

func (q query) version(ctx context.Context) error {
	res, err := q.runtime.Version(ctx, &cri.VersionRequest{})
	if err != nil {
		return err
	}
	return q.json(res)
}

func (q query) json(v any) error {
	e := json.NewEncoder(q.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// describe names the fields as cri-tools does; sizes are strings there.
func describe(i *cri.Image) map[string]any {
	return map[string]any{
		"id": i.Id, "repoTags": i.RepoTags, "repoDigests": i.RepoDigests, "size": strconv.FormatUint(i.Size, 10),
	}
}
