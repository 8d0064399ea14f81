package speak

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// speakS3 lists the buckets, and where a bucket is named puts an object into it,
// reads it back and deletes it. Without keys a refusal in S3's own words is enough:
// somebody is there who speaks S3.
func speakS3(ctx context.Context, d *dialer) (string, error) {
	t := d.target
	client, err := forS3(d)
	if err != nil {
		return "", err
	}
	if t.Bucket != "" && t.AccessKey != "" {
		return roundTrip(ctx, client, t.Bucket)
	}
	buckets, err := client.ListBuckets(ctx)
	if t.AccessKey == "" && s3Code(err) == minio.AccessDenied {
		return "denies who has no keys", nil
	}
	if err != nil {
		return "", fmt.Errorf("a list of buckets: %w", s3Cause(err))
	}
	return fmt.Sprintf("%d buckets", len(buckets)), nil
}

// forS3 is a client that tries nothing twice: who asks again is decided here.
func forS3(d *dialer) (*minio.Client, error) {
	t := d.target
	signed := credentials.NewStaticV4(t.AccessKey, t.SecretKey, "")
	if t.AccessKey == "" {
		signed = credentials.NewStatic("", "", "", credentials.SignatureAnonymous)
	}
	client, err := minio.New(d.host(), &minio.Options{
		Creds: signed, Secure: t.TLS, Region: t.Region, Transport: overHTTP(d),
		BucketLookup: minio.BucketLookupPath, // a bucket has no host of its own here
		MaxRetries:   1,
	})
	if err != nil {
		return nil, refuse("settings of S3: %v", err)
	}
	return client, nil
}

// roundTrip leaves nothing behind, also where it breaks off.
func roundTrip(ctx context.Context, client *minio.Client, bucket string) (string, error) {
	key, text := "hyaction-proof-"+rand.Text(), rand.Text()
	if _, err := client.PutObject(ctx, bucket, key, strings.NewReader(text), int64(len(text)), minio.PutObjectOptions{}); err != nil {
		return "", fmt.Errorf("put an object into bucket %s: %w", bucket, s3Cause(err))
	}
	got, err := read(ctx, client, bucket, key)
	if gone := client.RemoveObject(context.WithoutCancel(ctx), bucket, key, minio.RemoveObjectOptions{}); err == nil && gone != nil {
		return "", fmt.Errorf("delete an object from bucket %s: %w", bucket, s3Cause(gone))
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("read an object of bucket %s: %w", bucket, s3Cause(err))
	case got != text:
		return "", refuse("what was put into bucket %s is not what is read", bucket)
	}
	return "put, get and delete in bucket " + bucket, nil
}

func read(ctx context.Context, client *minio.Client, bucket, key string) (string, error) {
	object, err := client.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return "", err
	}
	defer object.Close()
	text, err := io.ReadAll(io.LimitReader(object, maxText))
	return string(text), err
}

// s3Code is the code of an error that was told in S3's own words. The library
// makes up a code for an answer that is none, as a page of a web server.
func s3Code(err error) string {
	var said minio.ErrorResponse
	if errors.As(err, &said) && said.XMLName.Local == "Error" {
		return said.Code
	}
	return ""
}

func s3Cause(err error) error {
	var (
		said minio.ErrorResponse
		page xml.UnmarshalError
		text *xml.SyntaxError
		way  *url.Error // of the request; an end without it is that of the answer's text
	)
	switch code := s3Code(err); {
	case errors.As(err, &said) && said.StatusCode >= http.StatusInternalServerError:
		return passing("%d %s", said.StatusCode, printable(said.Code))
	case errors.As(err, &said) && code == "":
		return stranger("%d, and not in S3's words", said.StatusCode)
	case code != "":
		return refuse("%d %s", said.StatusCode, printable(code))
	case errors.As(err, &page), errors.As(err, &text), errors.Is(err, io.EOF) && !errors.As(err, &way):
		return stranger("the answer is not in S3's words: %s", printable(err.Error()))
	}
	return cause(err)
}
