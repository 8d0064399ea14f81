package app

import (
	"os"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/sealed"
)

// sealedKeys reads the file with the keys of Sealed Secrets; "" is none.
func sealedKeys(file string) ([]sealed.Key, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, exit.BadInputf("sealed-secrets-key-file: %w", err)
	}
	keys, err := sealed.Parse(text)
	if err != nil {
		return nil, exit.BadInputf("sealed-secrets-key-file %s cannot be used: %w", file, err)
	}
	return keys, nil
}
