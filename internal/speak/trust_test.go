package speak

import (
	"crypto/x509"
	"testing"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// What the image of a proof lacks is in the program: every certificate of the list
// is one, and those who sign for managed services are among them.
func TestPublic_TheListOfTheProgramIsWhole(t *testing.T) {
	amazon := 0
	for root := range bundle.Roots() {
		c, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(c.Subject.Organization) == 1 && c.Subject.Organization[0] == "Amazon" {
			amazon++
		}
	}
	if amazon < 4 {
		t.Errorf("%d roots of Amazon's", amazon)
	}
	if embedded().Equal(x509.NewCertPool()) {
		t.Error("the list of the program is empty")
	}
}
