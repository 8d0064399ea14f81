// Package kyverno has no code: its test judges pods by the catalog's policies with
// the engine of the Kyverno that the catalog brings, compiled from its source. It is
// a module of its own since that is 2300 packages which nothing else needs.
package kyverno
