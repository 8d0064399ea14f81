package servers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Prometheus starts one that knows a past, as OpenMetrics text with times, and
// scrapes nothing. It returns its URL.
func Prometheus(t testing.TB, past []byte) string {
	t.Helper()
	const deb = "Prometheus (Debian package prometheus)"
	program, tool := need(t, deb, "/usr/bin/prometheus"), need(t, deb, "/usr/bin/promtool")
	dir, port := dir(t), Port(t)
	data := filepath.Join(dir, "data")
	text, config := write(t, filepath.Join(dir, "past.txt"), past), write(t, filepath.Join(dir, "prometheus.yml"), nil)
	if out, err := exec.Command(tool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", text, data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v: %s", err, out)
	}
	start(t, port, exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+data,
		"--storage.tsdb.retention.time=10y", // the past may be long ago
		"--web.listen-address="+Host+":"+strconv.Itoa(port)))
	url := "http://" + Host + ":" + strconv.Itoa(port)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	for { // it listens before it answers
		err := ready(ctx, url+"/-/ready")
		if err == nil {
			return url
		}
		select {
		case <-ctx.Done():
			t.Fatalf("Prometheus is not ready after %s: %v", startTimeout, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func ready(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 200))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", res.Status, body)
	}
	return nil
}
