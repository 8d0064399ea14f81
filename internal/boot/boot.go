// Package boot spares the start of the process what the runtime and the kernel do for
// a program that grows slowly.
//
// The packages that hyaction is made of allocate 12 MB before main runs and keep
// nearly all of it. To mark that three times over takes 10 of 33 ms, which each step
// of a job pays: so the first collection waits for a heap of 16 MB in place of 4, and
// from then on everything is as Go has it. And the kernel hands memory out in pages of
// 4 KB, for each of which the process stops: so what comes after this package lies in
// pages of 2 MB where the kernel gives them to who asks (madvise in
// /sys/kernel/mm/transparent_hugepage/enabled), which took a quarter off the start on
// the virtual machine where it was measured.
//
// It imports next to nothing, so that the runtime initializes it before most others.
package boot

import (
	"runtime"
	"runtime/debug"
)

const (
	heap    = 16 << 20 // bytes, when the first collection comes
	patient = 400      // has the heap grow to that: GOGC is in percent of 4 MB
)

func init() {
	usual := debug.SetGCPercent(-1)
	if usual != 100 { // GOGC says otherwise
		debug.SetGCPercent(usual)
		return
	}
	inLargePages(heap)
	debug.SetGCPercent(patient)
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) { debug.SetGCPercent(usual) })
}
