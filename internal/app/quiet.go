package app

import utilruntime "k8s.io/apimachinery/pkg/util/runtime"

// client-go prints errors that it cannot return, with its own file and line, in
// front of the one line in which a failure ends; each of them comes back as an
// error all the same, at the call that needed what failed. The handlers behind the
// one that prints are left: they hold back a loop of errors.
func init() { utilruntime.ErrorHandlers = utilruntime.ErrorHandlers[1:] }
