package kustomize

import (
	"io"
	"log"
	"os"
	"sync"
)

// kustomize prints what it thinks of a kustomization (fields that are deprecated, variables
// that nothing uses) straight to standard error, each time one is loaded: an overlay that is
// rendered three times says it three times, past whoever reads or formats what we say. It is
// no business of a change of images, and there is no option for it.
var hush struct {
	sync.Mutex
	running int
	stderr  *os.File
	log     io.Writer
}

// nowhere is never closed. Whoever takes os.Stderr while it is that one may start a process with
// it a moment later, and the number of a closed file belongs to what is opened next: at worst to
// the pipe by which Go waits for that very start, and then both wait for ever.
var nowhere = sync.OnceValue(func() *os.File {
	f, _ := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // writing to none fails, which is as quiet
	return f
})

// quietly runs f while what the process calls its standard error leads nowhere. Who holds the
// stream itself, as the app does, writes on.
func quietly(f func()) {
	hush.Lock()
	if hush.running++; hush.running == 1 {
		hush.stderr, hush.log = os.Stderr, log.Writer()
		os.Stderr = nowhere()
		log.SetOutput(io.Discard)
	}
	hush.Unlock()
	defer func() {
		hush.Lock()
		defer hush.Unlock()
		if hush.running--; hush.running == 0 {
			os.Stderr = hush.stderr
			log.SetOutput(hush.log)
		}
	}()
	f()
}
