//go:build !unix

package machine

import "github.com/buenhyden/hy-home/internal/catalog"

// free is unknown here.
func free(string) catalog.Bytes { return 0 }
