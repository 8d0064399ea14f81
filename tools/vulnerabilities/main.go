// Command vulnerabilities has govulncheck look for known holes in what this module
// calls, and ends with 1 if there is one that known.txt does not explain.
//
//	go run ./tools/vulnerabilities                        # make vulns
//	go run ./tools/vulnerabilities -db file:///path/to/db # a copy of the database
//
// Only what is reached counts: a hole in a package that is merely required is no
// reason to be woken. What Go itself has depends on the Go that this is run with.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
)

//go:embed known.txt
var knownText string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	db := flag.String("db", "https://vuln.go.dev", "URL of the vulnerability database")
	flag.Parse()
	if err := run(ctx, *db, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vulnerabilities:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, db string, out io.Writer) error {
	known, err := parseKnown(knownText)
	if err != nil {
		return fmt.Errorf("known.txt: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/govulncheck/go.mod", "govulncheck", "-db", db, "-format", "json", "./...")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("govulncheck with the database %s: %w", db, err)
	}
	holes, err := reached(&said)
	if err != nil {
		return fmt.Errorf("read what govulncheck says: %w", err)
	}
	return tell(out, holes, known)
}
