package machine

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/buenhyden/hy-home/internal/disk"
)

// longest is more than any component takes.
const longest = 24 * time.Hour

// Took reads how long components took here when they were last made: by what
// [Remember] called them, in seconds. A file that cannot be read holds nothing, as on
// a machine that is new.
func Took(file string) map[string]time.Duration {
	took := map[string]time.Duration{}
	text, err := os.ReadFile(file)
	if err != nil {
		return took
	}
	var seconds map[string]float64
	if json.Unmarshal(text, &seconds) != nil {
		return took
	}
	for name, s := range seconds {
		if s > 0 && s < longest.Seconds() { // what does not fit would be another on each processor
			took[name] = time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond)
		}
	}
	return took
}

// Remember adds to the file what was made just now. Of two runs that end at once the
// later one counts: what the other has learned, its next run learns again.
func Remember(file string, made map[string]time.Duration) error {
	if len(made) == 0 {
		return nil
	}
	took := Took(file)
	maps.Copy(took, made)
	seconds := map[string]float64{}
	for name, d := range took {
		seconds[name] = d.Round(100 * time.Millisecond).Seconds()
	}
	text, err := json.MarshalIndent(seconds, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err == nil {
		err = disk.WriteFile(file, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("remember how long components took: %w", err)
	}
	return nil
}
