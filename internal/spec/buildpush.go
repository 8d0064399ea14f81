package spec

// BuildPush declares the action that builds an image and pushes it.
var BuildPush = Action{
	Name:        "build-push",
	Title:       "hy-home build push",
	Description: "Build an image from a Dockerfile, push it, and answer with its reference by digest.",
	Inputs: []Input{
		{Name: "image", Required: true, Description: "Repository to push to, without a tag, such as ghcr.io/acme/shop/backend."},
		{Name: "tags", Kind: List, Description: "Tags, one per line, as words or as rules of docker/metadata-action, such as type=semver,pattern={{version}}. The default is the commit's full SHA, or latest outside a repository."},
		{Name: "flavor", Kind: List, Description: "What holds for all tags, as in docker/metadata-action: latest=auto, prefix=..., suffix=..."},
		{Name: "context", Default: ".", Description: "Directory that is the build context."},
		{Name: "file", Description: "Path of the Dockerfile. The default is Dockerfile in the context."},
		{Name: "target", Description: "Stage of the Dockerfile to build. The default is the last one."},
		{Name: "build-args", Kind: List, Description: "Build arguments as NAME=value, one per line. They end up in the image's history: no secrets."},
		{Name: "labels", Kind: List, Description: "Labels of the image as name=value, one per line."},
		{Name: "push", Kind: Bool, Default: "true", Description: "Push the image. With false it is only built."},
		{Name: "merge", Kind: List, Description: "Images that jobs beside one another have built for one platform each, by digest or by reference, one per line. They become one index under the tags, with their attestations; nothing is built."},
		{Name: "sign", Kind: Choice, Values: []string{"none", "key", "keyless"}, Default: "none", Description: "Sign the digest with cosign, which must be on PATH: with sign-key, or with the identity of the job. Keyless puts the names of repository and workflow into a public log."},
		{Name: "sign-key", Secret: true, Description: "Private key as cosign generate-key-pair writes it, or the URI of one in a KMS."},
		{Name: "sign-password", Secret: true, Description: "Password of sign-key."},
		{Name: "sign-log", Kind: Bool, Default: "true", Description: "Note a signature by key in the public transparency log too. Without it, who verifies needs --insecure-ignore-tlog."},
		{Name: "username", Description: "User name for the registry. The default is what the Docker configuration holds."},
		{Name: "password", Secret: true, Description: "Password or token for the registry. The default is what the Docker configuration holds."},
		{Name: "timeout", Kind: Duration, Default: "30m", Description: "How long build and push may take together."},
	},
	Outputs: []Output{
		{Name: "image-ref", Description: "The image by its first tag and digest: repository:tag@sha256:... Empty if it was not pushed."},
		{Name: "image", Description: "The repository, without tag and digest."},
		{Name: "digest", Description: "Digest of the pushed manifest: sha256:... Empty if it was not pushed."},
		{Name: "tags", Description: "Full references by tag, one per line."},
		{Name: "image-id", Description: "ID of the image in the local engine."},
	},
	Permissions: []Permission{
		{Scope: "contents", Access: "read", Why: "To check the source out."},
		{Scope: "packages", Access: "write", Why: "To push to ghcr.io with the job's token."},
		{Scope: "id-token", Access: "write", Why: "Only for sign: keyless."},
	},
	Icon: "package",
}
