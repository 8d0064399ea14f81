package registry

import (
	"net/http"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/registry/registrytest"
	"github.com/buenhyden/hy-home/testbed/lab"
)

// distribution is the test bed's registry, which is distribution, made to fail.
func distribution(t *testing.T) (*registrytest.Registry, Repository) {
	t.Helper()
	s := registrytest.Before(t, "http://"+lab.Require(t).Registry)
	return s, in(t, s)
}

func TestBed_UploadsAreBegunAnew(t *testing.T) {
	for name, fault := range uploadFaults {
		s, r := distribution(t)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pushThrough(t, s, r, fault)
		})
	}
}

func TestBed_AnUploadThatAsksIsGivenUp(t *testing.T) {
	s, r := distribution(t)
	if err := (Client{}).CheckPush(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	given := s.Asked(http.MethodDelete, "/blobs/uploads/")
	if len(given) != 1 {
		t.Fatalf("given up: %v", given)
	}
	res, err := http.Get(s.URL + given[0].Path + "?" + given[0].Query)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("the upload is still there: %s", res.Status)
	}
}

func TestBed_MergeMountsWhatAnotherRepositoryHas(t *testing.T) {
	s, r := distribution(t)
	other, err := ParseRepository("image", s.Host+"/shop/for-arm")
	if err != nil {
		t.Fatal(err)
	}
	amd, arm := pushAttested(t, r, "amd64", "https://spdx.dev/Document"), pushAttested(t, other, "arm64", "https://spdx.dev/Document")
	s.Mend()
	digest, err := merge(t, r, []string{"merged"}, amd, other.Digest(arm))
	if err != nil {
		t.Fatal(err)
	}
	mounts := 0
	for _, q := range s.Asked(http.MethodPost, "/blobs/uploads/") {
		if strings.Contains(q.Query, "from=shop%2Ffor-arm") {
			mounts++
		}
	}
	if moved := s.Asked(http.MethodPatch, ""); len(moved) > 0 || mounts == 0 {
		t.Errorf("%d blobs were asked for by mounts, %d were moved", mounts, len(moved))
	}
	got, err := quick().Attestations(t.Context(), r, digest)
	if err != nil || len(got) != 2 || len(got[0].Predicates) != 1 || len(got[1].Predicates) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}
