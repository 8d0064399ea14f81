package builder

import "testing"

// inspected is what buildx 0.29 says of a remote builder.
const inspected = `Name:          kit
Driver:        remote
Last Activity: 2026-11-26 15:02:11 +0000 UTC

Nodes:
Name:             kit0
Endpoint:         unix:///tmp/kit/buildkitd.sock
Status:           running
BuildKit version: v0.25.1
Platforms:        linux/arm64*, linux/amd64, linux/amd64/v2, linux/386
`

func TestBuilder_IsInspected(t *testing.T) {
	if got := builderPlatform(inspected, "linux/amd64"); got != "linux/arm64" {
		t.Errorf("%q", got)
	}
	if got := builderPlatform("Name: x\nStatus: inactive\n", "linux/amd64"); got != "linux/amd64" {
		t.Errorf("%q", got)
	}
	if name, containerd := driver(inspected); name != "remote" || containerd {
		t.Errorf("%q, %v", name, containerd)
	}
	for tool, want := range map[Tool]bool{
		{Mode: Buildx, Driver: "remote"}:                   true,
		{Mode: Buildx, Driver: "docker"}:                   false,
		{Mode: Buildx, Driver: "docker", Containerd: true}: true,
		{Mode: BuildKit}:                                   false,
	} {
		if tool.RewritesTimes() != want {
			t.Errorf("%+v: want %v", tool, want)
		}
	}
}
