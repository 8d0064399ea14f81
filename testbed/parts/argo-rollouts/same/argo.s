// This file lets argo.go declare a function without a body.
