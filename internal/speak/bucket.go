package speak

import (
	"context"
	"fmt"

	"github.com/minio/minio-go/v7"
)

// MakeBuckets makes buckets that are not there. Into each an object is then put,
// read and deleted.
func MakeBuckets(ctx context.Context, s Service, names []string) (Made, error) {
	var made Made
	d, err := s.dialer()
	if err != nil {
		return made, err
	}
	client, err := forS3(d)
	if err != nil {
		return made, err
	}
	for _, name := range names {
		there, err := makeBucket(ctx, client, name, s.Target.Region)
		if err != nil {
			return made, fmt.Errorf("bucket %s: %w", name, err)
		}
		if there {
			made.Kept++
		} else {
			made.New++
		}
	}
	return made, nil
}

func makeBucket(ctx context.Context, client *minio.Client, name, region string) (there bool, err error) {
	ctx, cancel := step(ctx)
	defer cancel()
	if there, err = bucketThere(ctx, client, name); err != nil {
		return false, err
	}
	if !there {
		err = client.MakeBucket(ctx, name, minio.MakeBucketOptions{Region: region})
		if s3Code(err) == minio.BucketAlreadyOwnedByYou { // made meanwhile
			there, err = true, nil
		}
		if err != nil {
			return false, s3Cause(err)
		}
	}
	_, err = roundTrip(ctx, client, name)
	return there, err
}

func bucketThere(ctx context.Context, client *minio.Client, name string) (bool, error) {
	ctx, cancel := step(ctx)
	defer cancel()
	there, err := client.BucketExists(ctx, name)
	if err != nil {
		return false, s3Cause(err)
	}
	return there, nil
}
