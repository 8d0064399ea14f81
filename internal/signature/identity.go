package signature

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
)

// Token is where a job of GitHub gets the token that says which workflow it is; the
// zero value when it may not have one.
type Token struct {
	URL    string // ACTIONS_ID_TOKEN_REQUEST_URL
	Bearer string // ACTIONS_ID_TOKEN_REQUEST_TOKEN
}

// identity is what a certificate for the job names: who says so, and the workflow.
type identity struct{ issuer, subject string }

// asked bounds the question for the token.
const asked = 20 * time.Second

// identity asks for a token as cosign does it, and reads the workflow from it: in a
// reusable workflow that is another one than the environment names.
func (t Token) identity(ctx context.Context) (identity, error) {
	if t.URL == "" || t.Bearer == "" {
		return identity{}, exit.BadInputf("input sign is keyless and the job has no identity to sign with: grant it id-token: write")
	}
	ctx, cancel := context.WithTimeout(ctx, asked)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL+"&audience=sigstore", http.NoBody)
	if err != nil {
		return identity{}, fmt.Errorf("ask for the job's identity: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+t.Bearer)
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return identity{}, fmt.Errorf("ask for the job's identity: %w", err)
	}
	defer res.Body.Close()
	var answer struct{ Value string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK {
		return identity{}, fmt.Errorf("ask for the job's identity: GitHub answers %s", res.Status)
	}
	return read(answer.Value)
}

// read takes the claims out of a token without judging it: the authority that makes
// the certificate does that.
func read(token string) (identity, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return identity{}, errors.New("read the job's identity: it is no JSON Web Token")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return identity{}, fmt.Errorf("read the job's identity: %w", err)
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Workflow string `json:"job_workflow_ref"` // owner/name/.github/workflows/file.yml@ref
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		return identity{}, fmt.Errorf("read the job's identity: %w", err)
	}
	return identity{claims.Issuer, "https://github.com/" + claims.Workflow}, nil
}
