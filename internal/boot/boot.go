// Package boot spares the start of the process its collections of garbage.
//
// The packages that hyaction is made of allocate 12 MB before main runs and keep
// nearly all of it: to mark that three times over takes 10 of 33 ms, which each step
// of a job pays. So the first collection waits for a heap of 16 MB in place of 4;
// from then on everything is as Go has it.
//
// It imports next to nothing, so that the runtime initializes it before the others.
package boot

import (
	"runtime"
	"runtime/debug"
)

// patient has the heap grow to 16 MB: GOGC is in percent of 4.
const patient = 400

func init() {
	usual := debug.SetGCPercent(patient)
	if usual != 100 { // GOGC says otherwise
		debug.SetGCPercent(usual)
		return
	}
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) { debug.SetGCPercent(usual) })
}
