package boot

import (
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestInit_IsOverWithTheFirstCollection(t *testing.T) {
	if os.Getenv("GOGC") != "" {
		t.Skip("GOGC is set, and the package leaves it as it is") // whoever sets it has what they ask for, and there is no end to see
	}
	percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	runtime.GC()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if metrics.Read(percent); percent[0].Value.Uint64() == 100 {
			return
		}
		time.Sleep(time.Millisecond) // what a collection sets off runs beside, on a goroutine of the runtime's
	}
	t.Errorf("collections are still put off: GOGC is %d", percent[0].Value.Uint64())
}
