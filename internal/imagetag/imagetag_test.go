package imagetag

import (
	"strings"
	"testing"
	"time"
)

var (
	now       = time.Date(2020, 1, 10, 0, 30, 5, 123e6, time.UTC)
	committed = time.Date(2019, 12, 31, 23, 59, 58, 0, time.UTC)
)

const sha = "860c1904a1ce19322e91ac35af1ab07466440c37"

func event(name, ref string) Event {
	return Event{Name: name, Ref: ref, SHA: sha, DefaultBranch: "master", Now: now, CommitDate: committed}
}

// cases are the documented examples of metadata-action and what follows from its
// rules. Rules are divided by " ; ", tags by a space; a flavor stands behind " | ".
var cases = []struct{ ref, rules, want string }{
	// type=schedule
	{"schedule", "type=schedule", "nightly"},
	{"schedule", "type=schedule,pattern=nightly", "nightly"},
	{"schedule", "type=schedule,pattern={{date 'YYYYMMDD'}}", "20200110"},
	{"schedule", "type=schedule,pattern={{date 'YYYYMMDD-HHmmss' tz='Asia/Tokyo'}}", "20200110-093005"},
	{"schedule", "type=schedule,pattern={{commit_date 'YYYYMMDD'}}", "20191231"},
	{"schedule", "type=schedule ; type=ref,event=branch", "nightly master"},
	{"schedule", "type=schedule,prefix=a-,suffix=-b", "a-nightly-b"},
	{"schedule", "type=schedule | latest=true", "nightly latest"},
	{"refs/heads/master", "type=schedule", ""},
	{"refs/tags/v1.2.3", "type=schedule", ""},
	// type=semver
	{"refs/tags/v1.2.3", "type=semver,pattern={{raw}}", "v1.2.3 latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{version}}", "1.2.3 latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{major}}.{{minor}}", "1.2 latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern=v{{major}}", "v1 latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{minor}}", "2 latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{patch}}", "3 latest"},
	{"refs/tags/p1/v1.2.3", `type=semver,pattern={{version}},match=v(\d.\d.\d)$`, "1.2.3 latest"},
	{"refs/tags/v2.0.8-beta.67", "type=semver,pattern={{raw}}", "v2.0.8-beta.67"},
	{"refs/tags/v2.0.8-beta.67", "type=semver,pattern={{version}}", "2.0.8-beta.67"},
	{"refs/tags/v2.0.8-beta.67", "type=semver,pattern={{major}}", "2.0.8-beta.67"},
	{"refs/tags/v2.0.8-beta.67", "type=semver,pattern={{major}}.{{minor}}", "2.0.8-beta.67"},
	{"refs/heads/master", "type=semver,pattern={{version}},value=v1.0.0", "1.0.0 latest"},
	{"refs/heads/master", `type=semver,pattern={{version}},value=p1/v1.0.0,match=v(\d.\d.\d)$`, "1.0.0 latest"},
	{"refs/heads/master", "type=semver,pattern={{version}}", ""},
	{"refs/tags/v1.2.3", "type=semver,pattern={{version}} ; type=semver,pattern={{major}}.{{minor}} ; type=semver,pattern={{major}}", "1.2.3 1.2 1 latest"},
	{"refs/tags/v1.2.3+build.5", "type=semver,pattern={{version}}", "1.2.3 latest"},
	{"refs/tags/v1.2.3+build.5", "type=semver,pattern={{raw}}", "v1.2.3-build.5 latest"},
	{"refs/tags/1.2.3", "type=semver,pattern={{raw}}", "1.2.3 latest"},
	{"refs/tags/v1.2", "type=semver,pattern={{version}}", ""},
	{"refs/tags/v01.2.3", "type=semver,pattern={{version}}", ""},
	{"refs/tags/nope", "type=semver,pattern={{version}} ; type=ref,event=tag", "nope latest"},
	{"refs/tags/v0.1.2", "type=semver,pattern={{major}},enable=false ; type=semver,pattern={{version}}", "0.1.2 latest"},
	{"refs/tags/v1.2.3-rc.1", "type=semver,pattern={{version}} ; type=semver,pattern={{major}}", "1.2.3-rc.1"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{version}} | latest=false", "1.2.3"},
	{"refs/tags/v1.2.3-rc.1", "type=semver,pattern={{version}} | latest=true", "1.2.3-rc.1 latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{version}},prefix=x,suffix=y", "x1.2.3y latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{version}} | suffix=-alpine,onlatest=true", "1.2.3-alpine latest-alpine"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{version}} | suffix=-alpine", "1.2.3-alpine latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{version}} | prefix=a-,onlatest=true", "a-1.2.3 a-latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{version}} | prefix=a-,onlatest=true ; suffix=-z,onlatest=false", "a-1.2.3-z a-latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{version}},suffix= | suffix=-alpine", "1.2.3 latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{{version}}}", "1.2.3 latest"},
	{"refs/tags/v1.2.3", "type=semver,pattern={{ version }}", "1.2.3 latest"},
	// type=pep440
	{"refs/tags/1.2.3", "type=pep440,pattern={{raw}}", "1.2.3 latest"},
	{"refs/tags/1.2.3", "type=pep440,pattern={{version}}", "1.2.3 latest"},
	{"refs/tags/v1.2.3", "type=pep440,pattern={{version}}", "1.2.3 latest"},
	{"refs/tags/1.2.3", "type=pep440,pattern={{major}}.{{minor}}", "1.2 latest"},
	{"refs/tags/1.2.3", "type=pep440,pattern=v{{major}}", "v1 latest"},
	{"refs/tags/1.2.3", "type=pep440,pattern={{patch}}", "3 latest"},
	{"refs/tags/v1.2.3rc2", "type=pep440,pattern={{raw}}", "v1.2.3rc2"},
	{"refs/tags/1.2.3rc2", "type=pep440,pattern={{version}}", "1.2.3rc2"},
	{"refs/tags/p1/v1.2.3", `type=pep440,pattern={{version}},match=v(\d.\d.\d)$`, "1.2.3 latest"},
	{"refs/tags/1.2.3rc2", "type=pep440,pattern={{major}}.{{minor}}", "1.2.3rc2"},
	{"refs/tags/1.2.3post1", "type=pep440,pattern={{major}}.{{minor}}", "1.2.3.post1"},
	{"refs/tags/1.2.3beta2", "type=pep440,pattern={{major}}.{{minor}}", "1.2.3b2"},
	{"refs/tags/1.0dev4", "type=pep440,pattern={{major}}.{{minor}}", "1.0.dev4"},
	{"refs/tags/1.0-1", "type=pep440,pattern={{version}}", "1.0.post1"},
	{"refs/tags/1.0", "type=pep440,pattern={{major}}.{{minor}}.{{patch}}", "1.0.0 latest"},
	{"refs/tags/1!2.0", "type=pep440,pattern={{version}}", "1-2.0 latest"},
	{"refs/tags/1.0+ubuntu-1", "type=pep440,pattern={{version}}", "1.0-ubuntu.1 latest"},
	{"refs/tags/1.0PREVIEW3", "type=pep440,pattern={{version}}", "1.0rc3"},
	{"refs/tags/1.0a", "type=pep440,pattern={{version}}", "1.0a0"},
	{"refs/tags/001.02", "type=pep440,pattern={{version}}", "1.2 latest"},
	{"refs/heads/master", "type=pep440,pattern={{version}},value=1.0.0", "1.0.0 latest"},
	{"refs/tags/release", "type=pep440,pattern={{version}}", ""},
	// type=match
	{"refs/tags/v1.2.3", `type=match,pattern=\d.\d.\d`, "1.2.3 latest"},
	{"refs/tags/v2.0.8-beta.67", `type=match,pattern=v(.*),group=1`, "2.0.8-beta.67 latest"},
	{"refs/tags/v2.0.8-beta.67", `type=match,pattern=v(\d.\d),group=1`, "2.0 latest"},
	{"refs/tags/20200110-RC2", `type=match,pattern=\d+`, "20200110 latest"},
	{"refs/tags/p1/v1.2.3", `type=match,pattern=p1/v(\d.\d.\d),group=1`, "1.2.3 latest"},
	{"refs/heads/master", `type=match,pattern=v(.*),group=1,value=v1.0.0`, "1.0.0 latest"},
	{"refs/tags/V1.2", `type=match,pattern=/v(.*)/i,group=1`, "1.2 latest"},
	{"refs/tags/v1.2", `type=match,pattern=/v(.*)/g,group=0`, "v1.2 latest"},
	{"refs/tags/x", `type=match,pattern=\d`, ""},
	{"refs/tags/v1", `type=match,pattern=v(.),group=2`, ""},
	{"refs/heads/master", `type=match,pattern=.*`, ""},
	{"refs/tags/v12", `"type=match,pattern=v(\d{1,2}),group=1"`, "error"},
	{"refs/tags/v12", `type=match,"pattern=v(\d{1,2})",group=1`, "12 latest"},
	// type=edge
	{"refs/heads/master", "type=edge", "edge"},
	{"refs/heads/master", "type=edge,branch=main", ""},
	{"refs/heads/main", "type=edge,branch=main", "edge"},
	{"refs/heads/dev", "type=edge", ""},
	{"refs/tags/v1", "type=edge", ""},
	{"refs/heads/master", "type=ref,event=branch ; type=edge", "edge master"},
	// type=ref
	{"refs/pull/2/merge", "type=ref,event=pr", "pr-2"},
	{"refs/pull/2/merge", "type=ref,event=pr,prefix=", "2"},
	{"refs/pull/2/head", "type=ref,event=pr", "pr-2-head"},
	{"refs/heads/master", "type=ref,event=branch", "master"},
	{"refs/heads/my/branch", "type=ref,event=branch", "my-branch"},
	{"refs/heads/my/@@branch", "type=ref,event=branch", "my-branch"},
	{"refs/tags/v1.2.3", "type=ref,event=tag", "v1.2.3 latest"},
	{"refs/tags/v2.0.8-beta.67", "type=ref,event=tag", "v2.0.8-beta.67 latest"},
	{"refs/heads/master", "type=ref,event=tag", ""},
	{"refs/tags/v1", "type=ref,event=branch", ""},
	{"refs/heads/master", "type=ref,event=pr", ""},
	// lines that are comments
	{"refs/heads/master", "# type=sha ; type=ref,event=branch", "master"},
	{"refs/heads/master", "type=raw,value=x | # suffix=-a ; suffix=-b", "x-b"},
	// type=raw
	{"refs/heads/master", "type=raw,value=foo", "foo"},
	{"refs/heads/master", "type=raw,foo ; type=raw,bar", "foo bar"},
	{"refs/heads/master", "foo ; bar", "foo bar"},
	{"refs/heads/master", "foo ; foo", "foo"},
	{"refs/heads/master", "type=raw,value=mytag-{{branch}}-{{sha}}", "mytag-master-860c190"},
	{"refs/heads/master", "type=raw,value=latest,enable={{is_default_branch}}", "latest"},
	{"refs/heads/dev", "type=raw,value=latest,enable={{is_default_branch}}", ""},
	{"refs/heads/dev", "type=raw,value=dev,enable={{is_not_default_branch}}", "dev"},
	{"refs/heads/master", "type=raw,value=a b", "a-b"},
	{"refs/heads/master", "type=raw,value=x | latest=true", "x latest"},
	{"refs/tags/v1", "type=raw,value={{tag}}", "v1"},
	{"refs/heads/master", "type=raw,value={{tag}}", ""},
	{"refs/heads/master", "type=raw,value={{date 'dddd, MMMM Do YYYY, h:mm:ss a'}}", "error"},
	{"refs/heads/master", `type=raw,"value={{date 'dddd, MMMM Do YYYY, h:mm:ss a'}}"`, "Friday-January-10th-2020-12-30-05-am"},
	{"refs/heads/master", "type=raw,value={{commit_date 'YYYY-MM-DDTHH:mm:ss.SSS[Z]'}}", "2019-12-31T23-59-58.000Z"},
	{"refs/heads/master", "type=raw,value={{date 'X-x-Q-DDD-E-WW-H-SS'}}", "1578616205-1578616205123-1-10-5-02-0-12"},
	{"schedule", "type=raw,value={{is_default_branch}}", "true"},
	// type=sha
	{"refs/heads/master", "type=sha", "sha-860c190"},
	{"refs/heads/master", "type=sha,format=long", "sha-" + sha},
	{"refs/heads/master", "type=sha,format=long,prefix=", sha},
	{"refs/heads/master", "type=sha,prefix={{branch}}-", "master-860c190"},
	{"refs/heads/my/branch", "type=sha,prefix={{branch}}-", "my-branch-860c190"},
	// priorities
	{"refs/tags/v1.2.3", "type=sha ; type=raw,value=r ; type=ref,event=tag ; type=match,pattern=v1 ; type=semver,pattern={{version}}", "1.2.3 v1 v1.2.3 r sha-860c190 latest"},
	{"refs/tags/v1.2.3", "type=sha,priority=2000 ; type=semver,pattern={{version}}", "sha-860c190 1.2.3"},
	// faults
	{"refs/heads/master", "type=nope", "error"},
	{"refs/heads/master", "type=ref", "error"},
	{"refs/heads/master", "type=ref,event=nope", "error"},
	{"refs/heads/master", "type=raw", "error"},
	{"refs/heads/master", "type=semver", "error"},
	{"refs/heads/master", "type=sha,format=medium", "error"},
	{"refs/heads/master", "type=raw,value=x,enable=maybe", "error"},
	{"refs/heads/master", "type=raw,value={{nope}}", "error"},
	{"refs/heads/master", "type=raw,value={{branch", "error"},
	{"refs/heads/master", "type=raw,value=x,priority=high", "error"},
	{"refs/heads/master", "type=raw,value=x,colour=red", "error"},
	{"refs/tags/v1", "type=match,pattern=(?<=v)1", "error"},
	{"refs/tags/v1", "type=match,pattern=v,group=x", "error"},
	{"refs/heads/master", "x | latest=maybe", "error"},
	{"refs/heads/master", "x | onlatest=true", "error"},
	{"refs/heads/master", "x | colour=red", "error"},
	{"refs/heads/master", "type=raw,value={{date 'YYYY' tz='Mars/Olympus'}}", "error"},
}

func TestMake(t *testing.T) {
	if len(cases) < 100 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		e := event("push", c.ref)
		if c.ref == "schedule" {
			e = event("schedule", "refs/heads/master")
		}
		rules, flavor, hasFlavor := strings.Cut(c.rules, " | ")
		var flavors []string
		if hasFlavor {
			flavors = strings.Split(flavor, " ; ")
		}
		got, err := Make(strings.Split(rules, " ; "), flavors, e)
		if c.want == "error" {
			if err == nil {
				t.Errorf("%s of %s: %q, want a fault", c.rules, c.ref, got.All)
			}
			continue
		}
		if err != nil || strings.Join(got.All, " ") != c.want {
			t.Errorf("%s of %s: %q, %v, want %q", c.rules, c.ref, got.All, err, c.want)
		}
		if first, _, _ := strings.Cut(c.want, " "); got.Version != first {
			t.Errorf("%s of %s: version %q, want %q", c.rules, c.ref, got.Version, first)
		}
	}
}

func TestMake_BaseOfAPullRequest(t *testing.T) {
	e := event("pull_request", "refs/pull/2/merge")
	e.BaseRef = "master"
	got, err := Make([]string{"type=raw,value=to-{{base_ref}}"}, nil, e)
	if err != nil || got.Version != "to-master" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMake_TellsWhatMadeNoTag(t *testing.T) {
	got, err := Make([]string{"type=semver,pattern={{version}}", `type=match,pattern=\d{9}`}, nil, event("push", "refs/tags/nope"))
	if err != nil || len(got.Warnings) != 2 || got.Version != "" {
		t.Errorf("%+v, %v", got, err)
	}
}
