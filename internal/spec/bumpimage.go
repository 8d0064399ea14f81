package spec

// BumpImage declares the action that writes a new image into the infra repository.
var BumpImage = Action{
	Name:        "bump-image",
	Title:       "hy-home bump image",
	Description: "Set an image in a kustomization of the infra repository, prove that the rendered manifests changed, commit and push.",
	Inputs: []Input{
		{Name: "repository", Required: true, Description: "The infra repository: a directory with a checkout, or a URL to clone."},
		{Name: "directory", Required: true, Description: "Directory of the kustomization, relative to the repository, such as apps/backend/overlays/dev."},
		{Name: "images", Kind: List, Required: true, Description: "Images to set, one per line, as name=reference: the name the manifests use and the reference they shall run, best by digest."},
		{Name: "branch", Description: "Branch to commit to. The default is the branch that is checked out, or the remote's default branch."},
		{Name: "message", Description: "Message of the commit. The default names the images and what they changed from and to."},
		{Name: "author", Default: "hyaction <hyaction@users.noreply.github.com>", Description: "Author of the commit, as Name <address>."},
		{Name: "push", Kind: Bool, Default: "true", Description: "Push the commit. With false it stays in the checkout."},
		{Name: "dry-run", Kind: Bool, Default: "false", Description: "Show what would change, and change nothing."},
		{Name: "token", Secret: true, Description: "Token for pushing over HTTPS. The default is what Git's own configuration gives."},
		{Name: "timeout", Kind: Duration, Default: "5m", Description: "How long everything may take, retries of the push included."},
	},
	Outputs: []Output{
		{Name: "changed", Description: "true if a commit was made, false if the images were set already."},
		{Name: "commit", Description: "SHA of the commit that was made; of the branch's head if nothing changed."},
		{Name: "branch", Description: "Branch that holds the commit."},
		{Name: "old", Description: "References the manifests had before, one per line."},
		{Name: "new", Description: "References the manifests have now, one per line."},
		{Name: "diff", Description: "Unified diff of the rendered manifests."},
	},
	Permissions: []Permission{
		{Scope: "contents", Access: "write", Why: "To push to this repository; another one needs a token of its own."},
	},
	Icon: "git-commit",
}
