package buildlog

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

// clock goes on by 100 ms with each line.
func clock() func() time.Time {
	at := time.Unix(1_700_000_000, 0).UTC()
	return func() time.Time { at = at.Add(100 * time.Millisecond); return at }
}

func TestLog_OfRealBuilders(t *testing.T) {
	for _, name := range []string{"buildkit-cold", "buildkit-cached", "classic"} {
		raw, err := os.ReadFile("testdata/" + name + ".log")
		if err != nil {
			t.Fatal(err)
		}
		l := &Log{Now: clock()}
		start := time.Unix(1_700_000_000, 0)
		for line := range bytes.Lines(raw) {
			if _, err := l.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		var b strings.Builder
		for _, s := range l.Steps() {
			fmt.Fprintf(&b, "%5.1f-%4.1f stage=%-8s cached=%-5t %s\n", s.Start.Sub(start).Seconds(), s.End.Sub(start).Seconds(), s.Stage, s.Cached, s.Name)
		}
		cached, all := Hits(l.Steps())
		fmt.Fprintf(&b, "%d of %d cached\n", cached, all)
		golden.Compare(t, name+".golden", b.String())
	}
}

func TestLog_FaultsAndPlatforms(t *testing.T) {
	l := &Log{Now: clock()}
	for line := range strings.Lines("#7 [linux/arm64 build 2/3] RUN make\n#7 0.1 #9 DONE\n#7 ...\n#8 [1/2] FROM x\n#8 CANCELED\n#9 [2/2] ADD a /\n#7 ERROR: exit code: 2\nnoise\n#10 pushing layers\n") {
		_, _ = l.Write([]byte(line))
	}
	steps := l.Steps()
	if len(steps) != 4 || steps[0].Stage != "linux/arm64 build" || steps[0].Fault != "exit code: 2" || steps[0].End.IsZero() || steps[1].End.IsZero() || !steps[2].End.IsZero() {
		t.Errorf("%+v", steps)
	}
	if cached, all := Hits(steps); cached != 0 || all != 2 {
		t.Errorf("%d of %d", cached, all)
	}
}
