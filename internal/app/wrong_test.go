package app

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/testkit"
)

// goWords are what a library says of this program where it should speak of the file.
var goWords = regexp.MustCompile(`struct|interface ?\{|strconv\.|unmarshal|Go value|v1alpha4\.|\[\]|goroutine|\.go:\d`)

// Whoever writes something wrong gets one sentence that says so, exit code 2, and
// everything as it was.
func TestWrongInput_IsOneSentenceAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	testkit.Write(t, dir, map[string]string{
		"file": "x", "empty.yaml": "", "list.yaml": "- a\n", "foo.yaml": "foo: bar\n", "cut.yaml": "a: [\n",
		"gate.yaml": "checks: []\n", "metric.yaml": "name: a\nsuccessCondition: 5\n",
	})
	environ := []string{"HOME=" + filepath.Join(dir, "home"), "DOCKER_HOST=unix://" + filepath.Join(dir, "none.sock")}
	before := listing(t, dir)
	for line, want := range map[string]string{
		"help nope":                                                `unknown command "nope": hyaction --help lists the commands`,
		"version now":                                              `hyaction version takes no arguments, got "now"`,
		"infra init":                                               `hyaction infra init takes DIR, got nothing`,
		"infra init ''":                                            `the directory has no name`,
		"infra init new --git --branch -x":                         `branch "-x": a branch name cannot start with "-"`,
		"infra init file":                                          `directory "file" cannot be read`,
		"infra apply . --kubeconfig list.yaml":                     `. does not render`,
		"infra apply file --kubeconfig foo.yaml":                   `directory "file" does not exist, or is none`,
		"platform down --keep-cache=perhaps":                       `flag --keep-cache is "perhaps": it must be true or false`,
		"platform status --state-dir file":                         `is a file: name a directory`,
		"setup-platform --state-dir file/below":                    `cannot be made (`,
		"setup-platform --state-dir /proc/below":                   `cannot be made (`,
		"platform down --state-dir /proc/below":                    `cannot be made (`,
		"platform plan --concurrency 0":                            `flag --concurrency is "0": it must be a whole number, 1 or more`,
		"platform plan --sizes redis-cluster=huge":                 `component redis-cluster has no size "huge"; there are: slim, ha`,
		"platform plan --cluster-kubeconfig foo.yaml":              `are for cluster: existing, but cluster is "kind"`,
		"platform plan --kind-config empty.yaml":                   `kind-config empty.yaml: it is empty`,
		"platform plan --kind-config foo.yaml":                     `kind-config foo.yaml: line 1: unknown field "foo"`,
		"platform plan --compose-files list.yaml":                  `compose-files: list.yaml: `,
		"platform plan --lock-file .":                              `lock file . cannot be read: is a directory`,
		"platform plan --lock-file foo.yaml":                       `lock file foo.yaml: line 1: unknown field "foo"`,
		"platform plan --values-dir file":                          `values-dir is "file", which is no directory`,
		"setup-platform --timeout 0s":                              `flag --timeout is "0s": it must be a duration of more than zero`,
		"lock update --registry-mirror foo":                        `registry "foo" is not a URL such as http://registry:5000`,
		"build-push --image a/b --timeout 5":                       `flag --timeout is "5": it must be a duration`,
		"build-push --image a/b --context file":                    `input context is "file"`,
		"bump-image --repository file --image a:v1":                `paths is empty`,
		"canary-gate --rollout a/b":                                `input image is required`,
		"canary-gate lint --scrape-interval x cut.yaml":            `flag --scrape-interval is "x": it must be a duration such as 90s`,
		"canary-gate measure --metric metric.yaml":                 `successCondition must not be a number`,
		"canary-gate measure --metric cut.yaml":                    `cut.yaml is neither YAML nor JSON: line 1: did not find expected node content`,
		"canary-gate eval --result 1e999":                          `a number does not belong here`,
		"platform plan --data external --data-endpoints list.yaml": `data-endpoints list.yaml: line 1: a list must be a mapping`,
		"platform plan --profile cluster --cluster existing --cluster-kubeconfig empty.yaml": `cluster-kubeconfig empty.yaml holds no context`,
		"platform plan --profile cluster --cluster existing --cluster-kubeconfig list.yaml":  `cluster-kubeconfig list.yaml cannot be read: a list does not belong here`,
		"canary-gate --rollout a/b --image x:v1 --kubeconfig list.yaml":                      `kubeconfig list.yaml is not valid: a list does not belong here`,
		"canary-gate --rollout a/b --image x:v1 --kubeconfig foo.yaml":                       `kubeconfig foo.yaml holds no context`,
		"canary-gate --rollout a/b --image x:v1 --kubeconfig foo.yaml --gate-file list.yaml": `input gate-file: list.yaml: a list does not belong here`,
		"canary-gate --rollout a/b --image x:v1 --kubeconfig foo.yaml --gate-file gate.yaml": `it has neither checks nor templates`,
		"canary-gate --rollout a/b --image x:v1 --kubeconfig foo.yaml --report-to wall":      `input report-to has "wall": it must be one of status, check, deployment`,
		"canary-gate --rollout a/b --image x:v1 --kubeconfig foo.yaml --interval 0s":         `flag --interval is "0s"`,
	} {
		t.Run(line, func(t *testing.T) {
			args := strings.Fields(line)
			for i, arg := range args {
				args[i] = strings.Trim(arg, "'")
			}
			r := hyaction(t, environ, args...)
			said := strings.TrimSuffix(r.err, "\n")
			if r.code != 2 || strings.Contains(said, "\n") || !strings.HasPrefix(said, "error: ") || !strings.Contains(said, want) {
				t.Errorf("exit code %d\ngot  %s\nwant one line with %s, and 2", r.code, r.err, want)
			}
			if word := goWords.FindString(said); word != "" {
				t.Errorf("%q is a word of this program: %s", word, said)
			}
			if after := listing(t, dir); after != before {
				t.Errorf("there was\n%s\nand there is\n%s", before, after)
			}
		})
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}
