package apply

import "testing"

func FuzzParseRef(f *testing.F) {
	f.Add("apps/Deployment monitoring/prometheus")
	f.Add("Namespace apps")
	f.Fuzz(func(t *testing.T, line string) {
		r, ok := parseRef(line)
		if !ok {
			return
		}
		if again, ok := parseRef(r.String()); !ok || again != r {
			t.Errorf("%q reads as %+v, written and read again as %+v", line, r, again)
		}
	})
}
