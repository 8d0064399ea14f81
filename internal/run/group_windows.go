package run

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup starts a command in a process group of its own.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// endGroup ends the program: Windows has no signal that asks one to.
func endGroup(leader *os.Process) error { return leader.Kill() }

// killGroup ends the program.
func killGroup(leader *os.Process) error { return leader.Kill() }
