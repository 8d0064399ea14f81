package image

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// KeyLabel is the label that says which artifact an image in an engine was
// loaded from: the engine's image IDs differ between its storage backends.
const KeyLabel = "io.github.buenhyden.hyaction.testbed.key"

// archiveName is the file of an image's artifact. A node image is 800 MB plain
// and a quarter of that compressed; unpacking it takes less than reading it.
const archiveName = "image.tar.zst"

// Save writes an image's archive into its artifact's directory.
func Save(dir string, i Image) error {
	f, err := os.Create(filepath.Join(dir, archiveName))
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		f.Close()
		return err
	}
	if err := WriteArchive(z, i); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", f.Name(), err)
	}
	if err := z.Close(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// OpenSaved reads what Save wrote, unpacked.
func OpenSaved(dir string) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(dir, archiveName))
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &saved{z, f}, nil
}

type saved struct {
	*zstd.Decoder
	f *os.File
}

func (s *saved) Close() error {
	s.Decoder.Close()
	return s.f.Close()
}
