//go:build !linux

package boot

func inLargePages(int) {}
