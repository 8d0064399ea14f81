// Command s3-server is the Versity S3 gateway over a directory: a server for tests
// that speaks S3 with real signatures, and with TLS. Each directory below -root is
// a bucket. The keys come from ROOT_ACCESS_KEY and ROOT_SECRET_KEY.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:7070", "address to serve at")
	root := flag.String("root", "", "directory of the buckets; what is known of objects is kept beside it")
	cert := flag.String("cert", "", "certificate in PEM; none means no TLS")
	key := flag.String("key", "", "its key")
	flag.Parse()
	if err := serve(*listen, *root, *cert, *key); err != nil {
		log.Fatal(err)
	}
}

func serve(listen, root, cert, key string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	// Extended attributes are not to be had on every file system.
	beside := filepath.Join(filepath.Dir(root), "meta-of-"+filepath.Base(root))
	if err := os.MkdirAll(beside, 0o700); err != nil {
		return err
	}
	store, err := meta.NewSideCar(beside)
	if err != nil {
		return err
	}
	files, err := posix.New(root, store, posix.PosixOpts{SideCarDir: beside})
	if err != nil {
		return err
	}
	return embedgw.RunVersityGW(ctx, files, &embedgw.Config{
		RootUserAccess: os.Getenv("ROOT_ACCESS_KEY"), RootUserSecret: os.Getenv("ROOT_SECRET_KEY"),
		Ports: []string{listen}, CertFile: cert, KeyFile: key, Quiet: true,
		MaxConnections: 100, MaxRequests: 100, MultipartMaxParts: 10000,
	})
}
