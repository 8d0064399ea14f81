package composefile

import (
	"strings"

	"github.com/buenhyden/hy-home/internal/pattern"
)

var (
	credential = pattern.New(`(?i)(^|_)(PASS|PASSWD|PASSWORD|PASSPHRASE|PW|SECRET|TOKEN|SECRET_?KEY|ENCRYPTION_?KEY|FERNET_?KEY|CREDENTIALS?)S?$|(?i)(PASSWORD|PASSWD)$`)
	assignment = pattern.New(`^(\s*(?:export\s+)?)([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*)$`)
	// open is what people write where a credential has to be filled in.
	open = pattern.New(`(?i)^$|^<.*>$|^\[.*\]$|change.?(me|this|it)|replace|^your[-_ ]|^(x{3,}|\*{3,}|\.{3}|todo|tbd|secret|password)$`)
)

// IsCredential reports whether a variable is named like a password or a token:
// one that nobody gave can be generated. API keys are not: a foreign service
// gives them, and would refuse a made up one.
func IsCredential(name string) bool { return credential.MatchString(name) }

// FillExample makes an env file of its example: credentials that the example
// leaves open get the value that generate gives for their name.
func FillExample(text string, generate func(name string) string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		m := assignment.FindStringSubmatch(strings.TrimRight(line, "\r"))
		if m == nil || !IsCredential(m[2]) {
			continue
		}
		value, _, _ := strings.Cut(m[3], " #")
		if open.MatchString(strings.Trim(strings.TrimSpace(value), `"'`)) {
			lines[i] = m[1] + m[2] + "=" + generate(m[2])
		}
	}
	return strings.Join(lines, "\n")
}
