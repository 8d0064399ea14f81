package composefile

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/testkit"
)

func TestVariables(t *testing.T) {
	for _, tt := range []struct{ text, names, bad string }{
		{"plain", "", ""},
		{"$A and ${B}", "A B", ""},
		{"$$A $${B}", "", ""},
		{"${A:-x} ${B-y} ${C:?z} ${D?} ${E:+w} ${F+v}", "A B C D E F", ""},
		{"${A:-${B:-$C}}", "A B C", ""},
		{"$(date) $? $1 5$", "", ""},
		{"${1}", "", "${1}"},
		{"${A b}", "", "${A b}"},
		{"${}", "", "${}"},
		{"${A", "", "${"},
		{"$A_1-$B", "A_1 B", ""},
	} {
		uses, bad := Variables(tt.text)
		var names []string
		for _, v := range uses {
			names = append(names, v.Name)
		}
		if strings.Join(names, " ") != tt.names || bad != tt.bad {
			t.Errorf("%q: got %q, bad %q", tt.text, names, bad)
		}
	}
}

func TestIsCredential(t *testing.T) {
	for name, want := range map[string]bool{
		"POSTGRES_PASSWORD": true, "DB_PASS": true, "REDIS_PW": true, "pgpassword": true, "JWT_SECRET": true, "API_TOKEN": true, "AIRFLOW_FERNET_KEY": true, "SECRET_KEY": true,
		"POSTGRES_USER": false, "POSTGRES_PASSWORD_FILE": false, "STRIPE_API_KEY": false, "COMPASS": false, "BYPASS": false, "TOKEN_URL": false, "SSH_PUBLIC_KEY": false, "KAFKA_SSL_KEY": false,
	} {
		if IsCredential(name) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}

func TestFillExample_KeepsAllButOpenCredentials(t *testing.T) {
	got := FillExample("# head\nUSER=\nA_PASSWORD=\nB_PASSWORD='changeme'\nexport C_TOKEN=<token> # from the vault\nD_SECRET=s3cr3t\nE_PASSWORD=your-password\n", func(name string) string { return "[" + name + "]" })
	want := "# head\nUSER=\nA_PASSWORD=[A_PASSWORD]\nB_PASSWORD=[B_PASSWORD]\nexport C_TOKEN=[C_TOKEN]\nD_SECRET=s3cr3t\nE_PASSWORD=[E_PASSWORD]\n"
	if got != want {
		t.Errorf("got %s", got)
	}
}

func TestCollect_FollowsIncludesAndExtends(t *testing.T) {
	dir := t.TempDir()
	testkit.Write(t, dir, map[string]string{
		"a.yml":     "include: [sub/b.yml, {path: [c.yml]}]\nservices: {x: {extends: {file: sub/d.yml, service: y}}}\n",
		"sub/b.yml": "include: [../a.yml]\nservices:\n  db:\n    image: x\n", // a circle
		"c.yml":     "services: {}\n",
		"sub/d.yml": "a: [\n", // left out
	})
	docs := Collect([]string{filepath.Join(dir, "a.yml")}, func(p string) string { rel, _ := filepath.Rel(dir, p); return rel })
	var names []string
	for _, d := range docs {
		names = append(names, d.Name)
	}
	if want := []string{"a.yml", "sub/b.yml", "c.yml"}; !reflect.DeepEqual(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	for path, want := range map[string]string{
		"services db image":       "sub/b.yml:4",
		"services db ports":       "sub/b.yml:3",
		"services x extends file": "a.yml:2",
		"volumes":                 "the Compose files",
	} {
		if got := Find(docs, strings.Fields(path)...).String(); got != want {
			t.Errorf("%s is at %s, want %s", path, got, want)
		}
	}
}

func TestFind_LooksThroughAnchorsAndMerges(t *testing.T) {
	doc, err := Parse("f", []byte("x-a: &a\n  image: b\nservices:\n  w:\n    <<: *a\n  v: *a\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"w", "v"} {
		if got := Find([]Doc{doc}, "services", name, "image"); got.Line != 2 {
			t.Errorf("%s: %s", name, got)
		}
	}
}
