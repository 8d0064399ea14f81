//go:build !linux

package plain

import (
	"errors"
	"syscall"
)

func attributes(bool) *syscall.SysProcAttr { return nil }

func standsStill(int) (bool, error) {
	return false, errors.New("the plain test bed runs on Linux only")
}

func startTime(int) (string, error) {
	return "", errors.New("the plain test bed runs on Linux only")
}
