package credential

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/apply"
)

// storeNamespace holds the platforms' own Secrets: it is there in every cluster,
// and nobody's workload runs in it.
const storeNamespace = "kube-system"

// storeKey holds all of them as JSON: a name of the user's files need not be what
// a key of a Secret may be.
const storeKey = "credentials.json"

func storeName(platform string) string { return "hyaction." + platform + ".credentials" }

// Store is the Secret that keeps what a platform has generated. A platform that
// has generated nothing has none.
func Store(platform string, generated map[string]string) []*unstructured.Unstructured {
	if len(generated) == 0 {
		return nil
	}
	text, err := json.Marshal(generated) // sorts the names
	if err != nil {
		panic(err) // texts can always be written
	}
	labels := map[string]string{"app.kubernetes.io/managed-by": apply.FieldManager}
	return []*unstructured.Unstructured{object(storeName(platform), storeNamespace, "", labels, nil, map[string]string{storeKey: string(text)})}
}

// answers bounds the question to a cluster that may not be there any more.
const answers = 15 * time.Second

// Recall reads what the platform has generated before from a cluster; nothing is
// an answer too.
func Recall(ctx context.Context, cfg *rest.Config, platform string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes client: %w", err)
	}
	secret, err := client.CoreV1().Secrets(storeNamespace).Get(ctx, storeName(platform), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for the platform's credentials in the cluster: %w", err)
	}
	var generated map[string]string
	if json.Unmarshal(secret.Data[storeKey], &generated) != nil { // its error would quote them
		return nil, fmt.Errorf("the platform's credentials in the cluster (secret %s/%s) are damaged: delete it, and with `hyaction platform down` the data that they belong to", storeNamespace, storeName(platform))
	}
	return generated, nil
}
