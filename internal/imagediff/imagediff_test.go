package imagediff

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// layer is files as they go into a tar file, with the instruction behind them.
type layer struct {
	by    string
	files []tar.Header // Linkname of a regular file is its content
}

func regular(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Linkname: content, Mode: 0o644, ModTime: time.Unix(1_700_000_000, 0)}
}

// plain are two layers; the tests change the second.
func plain() []layer {
	return []layer{
		{"COPY . /src # buildkit", []tar.Header{regular("src/a", "a"), regular("src/b", "b")}},
		{"RUN make # buildkit", []tar.Header{regular("out/x", "x"), {Typeflag: tar.TypeSymlink, Name: "out/y", Linkname: "x"}, regular("out/z", "z")}},
	}
}

func pack(t *testing.T, headers []tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname = h.Linkname, ""
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sum(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

func encode(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func compress(t *testing.T, with string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch with {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		z, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	default:
		return b
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// write makes an archive: of docker save, or of OCI with layers compressed.
func write(t *testing.T, form string, layers []layer, user string) string {
	t.Helper()
	config := map[string]any{"architecture": "amd64", "os": "linux", "config": map[string]string{"User": user}}
	var diffIDs []string
	var history []map[string]any
	entries := []tar.Header{}
	manifest := map[string]any{"schemaVersion": 2}
	var descs []map[string]any
	var names []string
	for _, l := range layers {
		raw := pack(t, l.files)
		diffIDs = append(diffIDs, sum(raw))
		history = append(history, map[string]any{"created_by": "ENV A=1", "empty_layer": true}, map[string]any{"created_by": l.by})
		packed := compress(t, form, raw)
		name := "blobs/sha256/" + strings.TrimPrefix(sum(packed), "sha256:")
		entries = append(entries, regular(name, string(packed)))
		names = append(names, name)
		descs = append(descs, map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sum(packed), "size": len(packed)})
	}
	config["rootfs"], config["history"] = map[string]any{"type": "layers", "diff_ids": diffIDs}, history
	text := encode(t, config)
	blob := func(text string) map[string]any {
		entries = append(entries, regular("blobs/sha256/"+strings.TrimPrefix(sum([]byte(text)), "sha256:"), text))
		return map[string]any{"digest": sum([]byte(text)), "size": len(text), "mediaType": "application/vnd.oci.image.manifest.v1+json"}
	}
	if form == "docker" {
		entries = append(entries, regular("config.json", text), regular("manifest.json", encode(t, []any{map[string]any{"Config": "config.json", "Layers": names}})))
	} else {
		manifest["config"], manifest["layers"] = blob(text), descs
		attestation := blob(`{"time":"` + time.Now().String() + `"}`)
		attestation["platform"] = map[string]string{"os": "unknown", "architecture": "unknown"}
		inner := blob(encode(t, map[string]any{"schemaVersion": 2, "manifests": []any{blob(encode(t, manifest)), attestation}}))
		inner["mediaType"] = "application/vnd.oci.image.index.v1+json"
		entries = append(entries, regular("index.json", encode(t, map[string]any{"schemaVersion": 2, "manifests": []any{inner}})))
	}
	path := filepath.Join(t.TempDir(), form+".tar")
	if err := os.WriteFile(path, pack(t, entries), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCompare(t *testing.T) {
	file := func(i int, change func(*tar.Header)) func([]layer) {
		return func(l []layer) { change(&l[1].files[i]) }
	}
	for want, change := range map[string]func([]layer){
		"": func([]layer) {},
		"layer 2 of 2 (RUN make): out/x: mtime is 2023-11-14T22:13:20Z and 2023-11-14T22:13:21Z": file(0, func(h *tar.Header) { h.ModTime = h.ModTime.Add(time.Second) }),
		"layer 2 of 2 (RUN make): out/x: content is":                                             file(0, func(h *tar.Header) { h.Linkname = "X" }),
		"layer 2 of 2 (RUN make): out/x: size is 1 and 2":                                        file(0, func(h *tar.Header) { h.Linkname = "xx" }),
		"layer 2 of 2 (RUN make): out/z: mode is 0644 and 0755":                                  file(2, func(h *tar.Header) { h.Mode = 0o755 }),
		"layer 2 of 2 (RUN make): out/z: owner is 0:0 and 7:0":                                   file(2, func(h *tar.Header) { h.Uid = 7 }),
		"layer 2 of 2 (RUN make): out/y: link is x and z":                                        file(1, func(h *tar.Header) { h.Linkname = "z" }),
		"out/x: SCHILY.xattr.user.a is 1 and nothing":                                            nil, // below
		"out/x: SCHILY.xattr.user.a is 1 and 2":                                                  nil,
		"out/z is in the first alone":                                                            func(l []layer) { l[1].files = l[1].files[:2] },
		"out/new is in the second alone":                                                         func(l []layer) { l[1].files = append(l[1].files, regular("out/new", "")) },
		"the same files in another order": func(l []layer) {
			l[1].files[0], l[1].files[2] = l[1].files[2], l[1].files[0]
		},
		"layer 1 of 2 (COPY . /src): src/a: size is 1 and 2 (and 1 more)": func(l []layer) { l[0].files[0].Linkname, l[0].files[1].Linkname = "c1", "c2" },
		"configuration: history is":                                       func(l []layer) { l[1].by = "RUN make all" },
	} {
		first := plain()
		if strings.Contains(want, "xattr") {
			first[1].files[0].PAXRecords = map[string]string{"SCHILY.xattr.user.a": "1"}
			change = file(0, func(h *tar.Header) {
				if strings.HasSuffix(want, "2") {
					h.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "2"}
				}
			})
		}
		for _, form := range []string{"docker", "plain", "gzip", "zstd"} {
			second := plain()
			change(second)
			got, err := Compare(write(t, form, first, "u"), write(t, form, second, "u"))
			if err != nil || !strings.Contains(got, want) || (want == "") != (got == "") {
				t.Errorf("%s: %q, %v, want %q", form, got, err, want)
			}
		}
	}
}

func TestCompare_WhatIsNotAFile(t *testing.T) {
	same := write(t, "gzip", plain(), "u")
	for other, want := range map[string]string{
		write(t, "gzip", plain(), "other"): `configuration: config is {"User":"u"} and {"User":"other"}`,
		write(t, "zstd", plain(), "u"):     "compressed differently",
		write(t, "gzip", plain()[:1], "u"): "2 layers and 1",
	} {
		if got, err := Compare(same, other); err != nil || !strings.Contains(got, want) {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	empty := filepath.Join(t.TempDir(), "empty.tar")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Compare(same, empty); err == nil || !strings.Contains(err.Error(), "has no manifest.json") {
		t.Errorf("%v", err)
	}
	if _, err := Compare(same, "/nowhere"); err == nil {
		t.Error("no fault")
	}
}
