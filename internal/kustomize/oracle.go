package kustomize

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/kv"
	"sigs.k8s.io/kustomize/api/pkg/loader"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kustomize/v5/commands/edit/set"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/decode"
	"github.com/buenhyden/hy-home/internal/exit"
)

// kustomizeEdit runs kustomize's own `edit set image` on the text of a file.
func kustomizeEdit(file []byte, images []Image) ([]byte, error) {
	fs := filesys.MakeFsInMemory()
	name := konfig.DefaultKustomizationFileName()
	if err := fs.WriteFile(name, file); err != nil {
		return nil, err
	}
	deps := provider.NewDefaultDepProvider()
	v := deps.GetFieldValidator()
	cmd := set.NewCmdSet(fs, kv.NewLoader(loader.NewFileLoaderAtCwd(fs), v), v, deps.GetResourceFactory())
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	args := []string{"image", "--"}
	for _, img := range images {
		args = append(args, img.String())
	}
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		return nil, err
	}
	return fs.ReadFile(name)
}

// verify compares an edit with kustomize's own: the entries of the images set must
// be the same, and all the rest must be what it was.
func verify(before, after []byte, images []Image) error {
	var was, is, want types.Kustomization
	if err := was.Unmarshal(before); err != nil {
		return exit.BadInputf("kustomize does not accept the file: %w", decode.Plain(err))
	}
	if bad := was.EnforceFields(); len(bad) > 0 {
		return exit.BadInputf("kustomize does not accept the file: %s", strings.Join(bad, "; "))
	}
	// Only what is concerned goes to the command: it matches 33 regular expressions on
	// each line it is given, 30 ms for a file of a hundred, and it looks at no other
	// entry. That the rest of the file stays is compared below.
	concerned := types.Kustomization{TypeMeta: types.TypeMeta{APIVersion: types.KustomizationVersion, Kind: types.KustomizationKind}}
	for _, img := range images {
		if !slices.ContainsFunc(concerned.Images, func(e types.Image) bool { return e.Name == img.Name }) {
			concerned.Images = append(concerned.Images, named(was.Images, img.Name)...)
		}
	}
	small, err := sigsyaml.Marshal(concerned)
	if err != nil {
		return err
	}
	oracle, err := kustomizeEdit(small, images)
	if err != nil {
		return exit.BadInputf("kustomize does not accept the file: %w", decode.Plain(err))
	}
	if err := want.Unmarshal(oracle); err != nil {
		return fmt.Errorf("reading what kustomize edit set image wrote: %w", err)
	}
	differs := func(what string) error {
		return exit.BadInputf("the file has a layout that cannot be changed in place (%s would differ); write images in plain block style", what)
	}
	if err := is.Unmarshal(after); err != nil {
		return differs("the syntax")
	}
	for _, img := range images {
		got, expected := named(is.Images, img.Name), named(want.Images, img.Name)
		if len(got) != 1 || !slices.Equal(got, expected) {
			return differs("the entry " + img.Name)
		}
	}
	set := func(entry types.Image) bool {
		return slices.ContainsFunc(images, func(i Image) bool { return i.Name == entry.Name })
	}
	if !slices.Equal(slices.DeleteFunc(slices.Clone(was.Images), set), slices.DeleteFunc(slices.Clone(is.Images), set)) {
		return differs("another entry of images")
	}
	for _, k := range []*types.Kustomization{&was, &is} {
		k.Images = nil
		k.FixKustomization() // kustomize writes apiVersion and kind where they are left out
	}
	if !reflect.DeepEqual(was, is) || !sameOtherDocuments(before, after) {
		return differs("another field")
	}
	return nil
}

func named(entries []types.Image, name string) []types.Image {
	var found []types.Image
	for _, e := range entries {
		if e.Name == name {
			found = append(found, e)
		}
	}
	return found
}

// sameOtherDocuments compares what follows the first document, which kustomize
// does not read.
func sameOtherDocuments(before, after []byte) bool {
	rest := func(file []byte) ([]any, bool) {
		var docs []any
		dec := yaml.NewDecoder(bytes.NewReader(file))
		for {
			var doc yaml.Node
			err := dec.Decode(&doc)
			if errors.Is(err, io.EOF) {
				return docs[min(1, len(docs)):], true
			}
			var v any
			if err == nil {
				err = doc.Decode(&v)
			}
			if err != nil {
				return nil, false
			}
			docs = append(docs, v)
		}
	}
	a, okA := rest(before)
	b, okB := rest(after)
	return okA && okB && reflect.DeepEqual(a, b)
}
