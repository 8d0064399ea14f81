package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/buenhyden/hy-home/internal/composefile"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/exit"
)

// examples are the names that the example of an env file goes by.
var examples = []string{"%s.example", "%s.sample", "%s.template", "%s.dist", "example%s", "sample%s"}

// fromExample makes the text of a missing env file of the example beside it;
// credentials that the example leaves open are generated.
func (u *userProject) fromExample(file string) (string, error) {
	dir, base := filepath.Split(file)
	for _, form := range examples {
		text, err := os.ReadFile(dir + fmt.Sprintf(form, base))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return composefile.FillExample(string(text), u.secret), err
	}
	return "", fs.ErrNotExist
}

// again asks for the credentials of an env file that an earlier run made, so that
// this run hides and lists them too.
func (u *userProject) again(file string) {
	if _, ours := u.made.Files[file]; ours {
		_, _ = u.fromExample(file) // without its example there is nothing to ask for
	}
}

// resolveEnvironment reads the env files of services and fills in the variables
// that are handed through by name.
func (u *userProject) resolveEnvironment() error {
	for _, name := range u.ServiceNames() {
		s := u.Services[name]
		s.Environment = s.Environment.Resolve(u.Environment.Resolve)
		for i, file := range s.EnvFiles {
			if _, err := os.Stat(file.Path); err == nil || !file.Required {
				u.again(file.Path)
				continue
			}
			text, err := u.fromExample(file.Path)
			if err != nil {
				return exit.BadInputf("%s: service %s: env file %s is not there: make it, or put an example of it beside it (%s.example), whose empty passwords are generated",
					u.at("services", name, "env_file"), name, u.show(file.Path), filepath.Base(file.Path))
			}
			u.write[file.Path] = text
			s.EnvFiles[i].Required = false // it is made before the project starts
		}
		for key, value := range s.Environment {
			if value != nil {
				continue
			}
			u.unset[key] = key
			if composefile.IsCredential(key) {
				generated := u.secret(key)
				s.Environment[key] = &generated
			}
		}
		u.Services[name] = s
	}
	resolved, err := u.WithServicesEnvironmentResolved(true)
	if err != nil {
		return exit.BadInputf("compose-files: %s", u.plain(err))
	}
	u.Project = resolved.WithoutUnnecessaryResources()
	return nil
}

// resolveSecrets finds secrets and configs whose files are not there. A secret is
// generated; and it is copied into the containers, as a file that only its owner
// may read would be of no use to a container's user.
func (u *userProject) resolveSecrets() error {
	for key, s := range u.Secrets {
		switch {
		case bool(s.External):
			return exit.BadInputf("%s: secret %s is external, which is for Docker Swarm: give it by file: or environment:", u.at("secrets", key), key)
		case s.Environment != "" && s.Content == "":
			s.Content = u.secret(s.Environment)
		case s.File != "":
			_, ours := u.made.Files[s.File]
			_, err := os.Stat(s.File)
			if err == nil && !ours {
				continue
			}
			value := u.secret(key)
			if err != nil {
				u.write[s.File] = value
			} else if text, err := os.ReadFile(s.File); err == nil {
				value = string(text) // the user may have put another in its place
			}
			s.Content = value
			if !u.readOnly(key) {
				// Compose copies only what has the name of a variable; the content goes before that.
				s.File, s.Environment = "", key
			}
		}
		u.Secrets[key] = s
	}
	for key, c := range u.Configs {
		if c.File == "" {
			continue
		}
		if _, err := os.Stat(c.File); err != nil {
			return exit.BadInputf("%s: config %s: file %s is not there", u.at("configs", key), key, u.show(c.File))
		}
	}
	return nil
}

// readOnly reports that a service without a writable root uses a secret: nothing
// can be copied into its container, the file itself is mounted.
func (u *userProject) readOnly(secret string) bool {
	for _, s := range u.Services {
		if s.ReadOnly && slices.ContainsFunc(s.Secrets, func(r types.ServiceSecretConfig) bool { return r.Source == secret }) {
			return true
		}
	}
	return false
}

// make writes what is missing: files with generated credentials, for their owner
// alone, and directories. What is there is never touched.
func (u *userProject) make(component string) error {
	dirs, err := u.binds()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := u.makeDir(dir); err != nil {
			return err
		}
		// The container's user is seldom ours, and could not write otherwise.
		if err := os.Chmod(dir, 0o777); err != nil {
			return fmt.Errorf("make directory %s: %w", dir, err)
		}
	}
	for path, text := range u.write {
		rel, err := filepath.Rel(u.given.Root, path)
		if err != nil || !filepath.IsLocal(rel) || outside(u.given.Root, rel) {
			return exit.BadInputf("%s is not there, and nothing is made outside of %s: make it before, or choose a path inside", path, u.given.Root)
		}
		if err := u.makeDir(filepath.Dir(path)); err != nil {
			return err
		}
		// Noted first, so that a removal finds it whenever this process ends.
		u.made.Files[path] = digest(text)
		if err := u.made.save(u.env, component); err != nil {
			return fmt.Errorf("note what is made: %w", err)
		}
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("make %s: somebody else has made it meanwhile", u.show(path))
		}
		// Whole or not at all: half a password would be taken for one by the next run.
		if err := disk.WriteFile(path, []byte(text)); err != nil {
			return fmt.Errorf("make %s: %w", u.show(path), err)
		}
		u.env.Progress("made " + u.show(path))
	}
	return u.made.save(u.env, component)
}

// makeDir makes a directory and notes each one that was not there.
func (u *userProject) makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := u.makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("make directory %s: %w", u.show(dir), err)
	}
	u.made.Directories = append(u.made.Directories, dir)
	u.env.Progress("made " + u.show(dir))
	return nil
}
