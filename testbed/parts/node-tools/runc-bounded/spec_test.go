package main

import (
	"encoding/json"
	"reflect"
	"testing"
)

// withoutSysResource is the bounding set of a virtual machine that lacks
// CAP_SYS_RESOURCE and has everything else.
const withoutSysResource = 0x1fffeffffff

func bounded() limits {
	return limits{bounding: withoutSysResource, oomScore: 0, hard: func(r string) (uint64, bool) { return 1024, r == "RLIMIT_NOFILE" }}
}

func TestSpecFile(t *testing.T) {
	for _, tc := range []struct {
		args     []string
		file     string
		inBundle bool
	}{
		{[]string{"--root", "/run/x", "create", "--bundle", "/b", "id"}, "/b/config.json", true},
		{[]string{"--log=/l", "run", "-b", "/b", "id"}, "/b/config.json", true},
		{[]string{"create", "--bundle=/b", "id"}, "/b/config.json", true},
		{[]string{"create", "id"}, "config.json", true},
		{[]string{"exec", "--process", "/p.json", "--detach", "id"}, "/p.json", false},
		{[]string{"exec", "id", "ls"}, "", false},
		{[]string{"kill", "id", "9"}, "", false},
		{nil, "", false},
	} {
		if file, inBundle := specFile(tc.args); file != tc.file || inBundle != tc.inBundle {
			t.Errorf("specFile(%q) = %q, %v, want %q, %v", tc.args, file, inBundle, tc.file, tc.inBundle)
		}
	}
}

func TestFit_AsksForNoMoreThanTheHostGives(t *testing.T) {
	const asked = `{"ociVersion":"1.0.2","big":12345678901234567890,"process":{
		"capabilities":{"bounding":["CAP_SYS_ADMIN","CAP_SYS_RESOURCE"],"effective":["CAP_SYS_RESOURCE"]},
		"oomScoreAdj":-999,
		"rlimits":[{"type":"RLIMIT_NOFILE","hard":1048576,"soft":512},{"type":"RLIMIT_CPU","hard":9,"soft":9}]}}`
	const want = `{"ociVersion":"1.0.2","big":12345678901234567890,"process":{
		"capabilities":{"bounding":["CAP_SYS_ADMIN"],"effective":[]},
		"oomScoreAdj":0,
		"rlimits":[{"type":"RLIMIT_NOFILE","hard":1024,"soft":512},{"type":"RLIMIT_CPU","hard":9,"soft":9}]}}`
	got, err := fit([]byte(asked), true, bounded())
	if err != nil {
		t.Fatal(err)
	}
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("fit = %s, want %s", got, want)
	}
}

func TestFit_ChangesNothingOnAHostWithEveryCapability(t *testing.T) {
	spec := []byte(`{"capabilities": {"bounding": ["CAP_SYS_RESOURCE", "CAP_OF_TOMORROW"]}, "oomScoreAdj": -999}`)
	got, err := fit(spec, false, limits{bounding: ^uint64(0)})
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(spec) {
		t.Errorf("fit = %s, want it byte for byte as it was", got)
	}
}

func TestFit_RefusesWhatIsNoSpec(t *testing.T) {
	for _, data := range []string{"", "[]", "{"} {
		if _, err := fit([]byte(data), true, bounded()); err == nil {
			t.Errorf("fit(%q) succeeded", data)
		}
	}
}

func TestBoundingSet(t *testing.T) {
	set, err := boundingSet("Name:\tx\nCapBnd:\t000001fffeffffff\nCapAmb:\t0\n")
	if err != nil || set != withoutSysResource {
		t.Errorf("boundingSet = %x, %v", set, err)
	}
	if _, err := boundingSet("Name:\tx\n"); err == nil {
		t.Error("boundingSet of a file without CapBnd succeeded")
	}
}
