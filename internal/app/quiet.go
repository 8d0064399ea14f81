package app

import "k8s.io/klog/v2"

// client-go prints errors that it cannot return, with its own file and line, in
// front of the one line in which a failure ends; each of them comes back as an
// error all the same, at the call that needed what failed.
func init() { klog.SetLogger(klog.New(nil)) }
