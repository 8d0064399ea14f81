package node

import (
	"bytes"
	"io/fs"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestUnwanted(t *testing.T) {
	for name, want := range map[string]bool{
		"/dev/null":                       true,
		"/dev":                            false,
		"/var/lib/apt/lists/x":            true,
		"/var/lib/dpkg/status":            false,
		"/usr/sbin/nft":                   false,
		"/lib/systemd/system/ssh.service": false,
		"/lib/systemd/system/multi-user.target.wants/getty.target":                        true,
		"/usr/lib/systemd/system/sockets.target.wants/systemd-udevd-kernel.socket":        true,
		"/usr/lib/systemd/system/sockets.target.wants/systemd-journald.socket":            false,
		"/usr/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service":     true,
		"/usr/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup-dev.service": false,
		"/etc/systemd/system/timers.target.wants/apt-daily.timer":                         true,
		"/lib/systemd/system/multi-user.target.wants":                                     false,
	} {
		if got := unwanted(name); got != want {
			t.Errorf("unwanted(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestLargeBlobs(t *testing.T) {
	const table = `DIGEST									SIZE	AGE		LABELS
sha256:aa	1.2 kB	2 seconds	-
sha256:bb	318.6MB	2 seconds	containerd.io/uncompressed=sha256:cc
sha256:ee	1.1GB	2 seconds	-
`
	if got, want := largeBlobs(table), []string{"sha256:bb", "sha256:ee"}; !reflect.DeepEqual(got, want) {
		t.Errorf("largeBlobs = %q, want %q", got, want)
	}
}

// kind waits for one of two sentences in the log of a node.
func TestEntrypoint_SaysWhatKindWaitsFor(t *testing.T) {
	script, err := files.ReadFile("files/usr/local/bin/entrypoint")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(script, []byte("echo 'detected cgroup v1'\n")) {
		t.Error("the entrypoint never says: detected cgroup v1")
	}
}

func TestScripts_Parse(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs bash")
	}
	for _, name := range []string{"entrypoint", "kubelet-cgroups"} {
		script, err := files.ReadFile("files/usr/local/bin/" + name)
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command("bash", "-n")
		c.Stdin = bytes.NewReader(script)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// An image that is not preloaded would be pulled, and there is no registry.
func TestManifests_NameOnlyPreloadedImages(t *testing.T) {
	have := map[string]bool{}
	for _, i := range preloaded("layer.tar") {
		for _, name := range i.Names {
			have[name] = true
		}
	}
	err := fs.WalkDir(files, "files/kind/manifests", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		for _, document := range bytes.Split(data, []byte("\n---\n")) {
			var object any
			text := strings.ReplaceAll(string(document), "{{ .PodSubnet }}", "10.244.0.0/16")
			if err := yaml.Unmarshal([]byte(text), &object); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for line := range strings.Lines(string(data)) {
			if image, ok := strings.CutPrefix(strings.TrimSpace(line), "image: "); ok && !have[image] {
				t.Errorf("%s names the image %s, which no node has", name, image)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
