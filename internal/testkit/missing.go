package testkit

import (
	"os"
	"testing"
)

// Missing skips a test for want of what it says, or fails it if
// HY_TESTBED=required: where the test bed must be up, a skipped test is a test
// that nobody missed.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("HY_TESTBED") == "required" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
