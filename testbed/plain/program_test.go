package plain_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/testbed/plain"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// A program can be taken away and given back, while the others run on.
func TestProgram_StopsFreezesAndStarts(t *testing.T) {
	bed := plaintest.Start(t)
	ready := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, bed.Prometheus+"/-/ready", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", res.Status)
		}
		return nil
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(bed.Freeze("prometheus"))
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := ready(short); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("frozen: %v", err)
	}
	do(bed.Thaw("prometheus"))
	plaintest.Until(t, ready)
	do(bed.Stop("prometheus"))
	if err := ready(t.Context()); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("stopped: %v", err)
	}
	do(bed.Start("prometheus"))
	plaintest.Until(t, ready)

	opened, err := plain.Open(bed.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"unknown": bed.Stop("nothing"), "another's": opened.Stop("prometheus"), "started by another": opened.Start("prometheus"), "not running": bed.Freeze("nothing")} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
