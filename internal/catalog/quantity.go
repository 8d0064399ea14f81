package catalog

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time span in Go syntax, as in "90s".
type Duration time.Duration

// UnmarshalText reads Go's duration syntax.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err == nil && v < 0 {
		err = fmt.Errorf("duration %q is negative", b)
	}
	*d = Duration(v)
	return err
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// MilliCPU is a share of processors in thousandths of one.
type MilliCPU int64

// UnmarshalText reads "250m", "2" or "0.5".
func (c *MilliCPU) UnmarshalText(b []byte) error {
	number, factor := string(b), 1000.0
	if n, ok := strings.CutSuffix(number, "m"); ok {
		number, factor = n, 1
	}
	v, err := amount(number, factor)
	if err != nil {
		return fmt.Errorf("cpu %q is no amount of processors: write 250m, 0.5 or 2", b)
	}
	*c = MilliCPU(v)
	return nil
}

// String gives the shortest form that reads back as the same: "250m", "2".
func (c MilliCPU) String() string {
	if c%1000 == 0 {
		return strconv.FormatInt(int64(c)/1000, 10)
	}
	return strconv.FormatInt(int64(c), 10) + "m"
}

// Bytes is an amount of memory or disk.
type Bytes int64

// The units that [Bytes] are written in, the largest first.
const (
	ki = 1 << 10
	mi = 1 << 20
	gi = 1 << 30
)

// UnmarshalText reads "64Ki", "128Mi", "1.5Gi", or plain bytes.
func (y *Bytes) UnmarshalText(b []byte) error {
	number, factor := string(b), 1.0
	for suffix, f := range map[string]float64{"Ki": ki, "Mi": mi, "Gi": gi} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, factor = n, f
		}
	}
	v, err := amount(number, factor)
	if err != nil {
		return fmt.Errorf("%q is no amount of bytes: write 128Mi or 2Gi", b)
	}
	*y = Bytes(v)
	return nil
}

// String is for people: one decimal from 1 GiB on, whole MiB below.
func (y Bytes) String() string {
	switch {
	case y == 0:
		return "0"
	case y >= gi:
		return strings.TrimSuffix(strconv.FormatFloat(float64(y)/gi, 'f', 1, 64), ".0") + "Gi"
	case y >= mi:
		return strconv.FormatInt(int64(y)/mi, 10) + "Mi"
	default:
		return strconv.FormatInt(int64(y)/ki, 10) + "Ki"
	}
}

// amount reads a decimal number and scales it; what Kubernetes would refuse
// (negative, infinite, hexadecimal, with an exponent) is refused here as well.
func amount(number string, factor float64) (int64, error) {
	if number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, strconv.ErrSyntax
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, err
	}
	if v *= factor; v > math.MaxInt64/2 {
		return 0, strconv.ErrRange
	}
	return int64(math.Ceil(v)), nil
}
