package plain

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// recordFile names, in a bed's directory, what runs there: enough for another
// process to find the bed and to end it.
const recordFile = "bed.json"

// errPortTaken is the cause when a process ended since its port was taken.
var errPortTaken = errors.New("port taken")

// process is one program of a bed. The start time tells it from a later process
// with the same number.
type process struct {
	Name    string `json:"name"`
	PID     int    `json:"pid"`
	Started string `json:"started"` // as startTime says
}

type record struct {
	APIServer  string    `json:"apiServer"`
	Prometheus string    `json:"prometheus"`
	Processes  []process `json:"processes"`
}

// processes are those of one bed.
type processes struct {
	mu     sync.Mutex
	list   []process
	ending bool
	gone   map[int]chan struct{} // closed when the child of that number has ended as it was told to
	reaped sync.WaitGroup        // one for each child of ours
	thread chan func()           // see newProcesses; nil if reopened
	died   func(error)           // told when a child ends that should not
	lost   error                 // the first such end
}

// newProcesses starts the thread that will be the parent of every child: Linux
// sends the parent-death signal when the thread that forked ends, not when its
// process does, and Go ends threads as it likes unless a goroutine holds one.
func newProcesses(died func(error)) *processes {
	p := &processes{thread: make(chan func()), died: died, gone: map[int]chan struct{}{}}
	go func() {
		runtime.LockOSThread()
		for f := range p.thread {
			f()
		}
	}()
	return p
}

// reopened are processes that somebody else started.
func reopened(list []process) *processes { return &processes{list: list} }

// start starts a program with its output in log. Its environment is only what
// is given, so that no proxy, kubeconfig or Go setting of the caller gets in.
func (p *processes) start(name string, cmd *exec.Cmd, log string, tied bool) error {
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = attributes(tied)

	errc := make(chan error)
	p.thread <- func() { errc <- cmd.Start() }
	if err := <-errc; err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	// No start time means that it has ended already, as Wait will tell.
	started, _ := startTime(cmd.Process.Pid)
	p.mu.Lock()
	p.list = append(p.list, process{Name: name, PID: cmd.Process.Pid, Started: started})
	p.mu.Unlock()
	p.reaped.Go(func() {
		err := cmd.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		switch gone := p.gone[cmd.Process.Pid]; {
		case gone != nil:
			close(gone)
		case !p.ending:
			err = ended(name, err, log)
			if p.lost == nil {
				p.lost = err
			}
			p.died(err)
		}
	})
	return nil
}

// stop kills one child and waits for its end.
func (p *processes) stop(name string) error {
	p.mu.Lock()
	i := slices.IndexFunc(p.list, func(proc process) bool { return proc.Name == name })
	if i < 0 || p.thread == nil {
		p.mu.Unlock()
		return fmt.Errorf("stop %s: it was not started here", name)
	}
	pid, gone := p.list[i].PID, make(chan struct{})
	p.gone[pid] = gone
	p.list = slices.Delete(p.list, i, i+1)
	p.mu.Unlock()
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	<-gone
	return nil
}

// signal sends one process a signal.
func (p *processes) signal(name string, sig syscall.Signal) (pid int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, proc := range p.list {
		if proc.Name == name && proc.alive() {
			return proc.PID, syscall.Kill(proc.PID, sig)
		}
	}
	return 0, fmt.Errorf("%s does not run", name)
}

// freeze returns when each thread of the process stands still: the signal is only
// noted when it is sent, and a thread on another processor goes on for a while.
func (p *processes) freeze(name string) error {
	pid, err := p.signal(name, syscall.SIGSTOP)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) { // the kernel tells nobody but the parent
		switch still, err := standsStill(pid); {
		case err != nil:
			return fmt.Errorf("freeze %s: %w", name, err)
		case still:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("freeze %s: threads of it still run 30 s after SIGSTOP", name)
		}
	}
}

// ended says that a process ended by itself, and what it said at last.
func ended(name string, err error, log string) error {
	if err == nil {
		err = errors.New("exit status 0")
	}
	said := tail(log)
	if strings.Contains(said, "address already in use") {
		err = errPortTaken
	}
	return fmt.Errorf("%s ended: %w%s", name, err, said)
}

// end kills them all at once, each with its process group. There is no need to
// ask first: nothing of a bed's data outlives it, and the API server would wait
// for its watchers.
func (p *processes) end() error {
	p.mu.Lock()
	first := !p.ending
	p.ending = true
	list := p.list
	p.mu.Unlock()
	for _, proc := range list {
		if proc.alive() {
			_ = syscall.Kill(-proc.PID, syscall.SIGKILL)
		}
	}
	if p.thread != nil {
		p.reaped.Wait()
		if first {
			close(p.thread)
		}
		return nil
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var left []string
		for _, proc := range list {
			if proc.alive() {
				left = append(left, fmt.Sprintf("%s (pid %d)", proc.Name, proc.PID))
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("still running 30 s after SIGKILL: %s", strings.Join(left, ", "))
		}
	}
}

// alive reports whether the process still runs and is the one that was started.
func (p process) alive() bool {
	started, err := startTime(p.PID)
	return err == nil && started == p.Started
}

// save writes the record; called after each start, so that an interrupted Up
// leaves nothing that cannot be found.
func (p *processes) save(dir, apiServer, prometheus string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	data, err := json.MarshalIndent(record{apiServer, prometheus, p.list}, "", "\t")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, recordFile), data, 0o600)
}

func readRecord(dir string) (record, error) {
	var rec record
	file := filepath.Join(dir, recordFile)
	data, err := os.ReadFile(file)
	if err != nil {
		return rec, fmt.Errorf("plain test bed: %w", err)
	}
	if err := json.Unmarshal(data, &rec); err != nil {
		return rec, fmt.Errorf("plain test bed: read %s: %w", file, err)
	}
	return rec, nil
}

func removeRecord(dir string) error {
	if err := os.Remove(filepath.Join(dir, recordFile)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// tail returns the last lines of a log, cut to what an error can carry, in
// brackets with its path.
func tail(log string) string {
	data, _ := os.ReadFile(log)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	lines = lines[max(0, len(lines)-3):]
	for i, line := range lines {
		lines[i] = fmt.Sprintf("%.300s", line)
	}
	return fmt.Sprintf(" (%s: %s)", log, strings.Join(lines, " | "))
}

// writeFile writes a file whole or not at all.
func writeFile(path string, data []byte, mode os.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Chmod(mode), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
