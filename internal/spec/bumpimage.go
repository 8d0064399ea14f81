package spec

// BumpImage declares the action that writes a new image into the infra repository.
var BumpImage = Action{
	Name:        "bump-image",
	Title:       "hy-home bump image",
	Description: "Set an image in a kustomization of the infra repository, prove that the rendered manifests changed, commit and push.",
	Inputs: []Input{
		{Name: "repository", Required: true, Description: "The infra repository: a checkout, a bare repository, or a URL. Of a checkout its remote origin is updated, and the checkout is brought forward if it is on that branch."},
		{Name: "directory", Required: true, Description: "Directory of the kustomization, relative to the repository, such as apps/backend/overlays/dev."},
		{Name: "images", Kind: List, Required: true, Description: "Images to set, one per line, as kustomize edit set image takes them: name=new[:tag][@digest] or name[:tag][@digest], where name is the image's name in the manifests, and * keeps a part."},
		{Name: "branch", Description: "Branch to commit to. The default is the branch that is checked out, or the remote's default branch."},
		{Name: "message", Description: "Message of the commit. The default names the images and what they changed from and to."},
		{Name: "author", Default: "hyaction <hyaction@users.noreply.github.com>", Description: "Author of the commit, as Name <address>."},
		{Name: "push", Kind: Bool, Default: "true", Description: "Push the commit. With false it stays in the checkout."},
		{Name: "dry-run", Kind: Bool, Default: "false", Description: "Show what would change, and change nothing."},
		{Name: "token", Secret: true, Description: "Token for pushing over HTTPS. The default is what Git's own configuration gives."},
		{Name: "timeout", Kind: Duration, Default: "5m", Description: "How long everything may take, retries of the push included."},
	},
	Outputs: []Output{
		{Name: "changed", Description: "true if a commit was made (or would be, in a dry run), false if the manifests ran these images already."},
		{Name: "commit", Description: "SHA of the commit that was made; of the branch's head if none was."},
		{Name: "branch", Description: "Branch that holds the commit."},
		{Name: "old", Description: "References the manifests had before, one per line."},
		{Name: "new", Description: "References the manifests have now, one per line."},
		{Name: "files", Description: "Files that changed, one per line."},
		{Name: "diff", Description: "Unified diff of the rendered manifests."},
		{Name: "attempts", Description: "1, plus one for each push that another one came before."},
	},
	Permissions: []Permission{
		{Scope: "contents", Access: "write", Why: "To push to this repository; another one needs a token of its own."},
	},
	Icon: "git-commit",
}
