package speak

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// iterations are those that PostgreSQL itself takes (scram_iterations).
const iterations = 4096

// verifier is what PostgreSQL keeps of a password (RFC 5803, as its own clients
// make it). A password that is part of a statement is in the server's log.
func verifier(password string) (string, error) {
	for _, r := range password {
		// Others have to be normalized first (RFC 4013), which passwords that are
		// generated never need.
		if r < ' ' || r > '~' {
			return "", refuse("a password may have printable ASCII characters only")
		}
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	return verifierOf(password, salt)
}

func verifierOf(password string, salt []byte) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", refuse("a password cannot be hashed: %v", err)
	}
	key := func(of string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(of))
		return mac.Sum(nil)
	}
	stored, encode := sha256.Sum256(key("Client Key")), base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, encode(salt), encode(stored[:]), encode(key("Server Key"))), nil
}
