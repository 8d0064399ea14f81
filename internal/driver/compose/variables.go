package compose

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/buenhyden/hy-home/internal/composefile"
	"github.com/buenhyden/hy-home/internal/exit"
)

// readVariables gathers what ${NAME} stands for: the env files, over which the
// caller's environment goes, as it does for docker compose.
func (u *userProject) readVariables() error {
	u.vars = maps.Clone(u.env.Environ)
	if u.vars == nil {
		u.vars = map[string]string{}
	}
	files, chosen := u.given.EnvFiles, len(u.given.EnvFiles) > 0
	if !chosen {
		files = []string{filepath.Join(u.dir(), ".env")}
	}
	read := map[string]string{}
	for _, file := range files {
		values, err := u.envFile(file)
		if errors.Is(err, os.ErrNotExist) {
			if chosen {
				return exit.BadInputf("env-files names %q, which is not there: make it, or put an example of it beside it (%s.example), whose empty passwords are generated", u.show(file), filepath.Base(file))
			}
			continue
		}
		if err != nil {
			return exit.BadInputf("env-files: %s: %s", u.show(file), u.plain(err))
		}
		maps.Copy(read, values)
	}
	for name, value := range read {
		if _, set := u.vars[name]; !set {
			u.vars[name] = value
		}
	}
	if profiles := u.vars["COMPOSE_PROFILES"]; len(u.given.Profiles) == 0 && profiles != "" {
		u.given.Profiles = strings.Split(profiles, ",")
	}
	return nil
}

// envFile reads an env file, or what would be made of its example.
func (u *userProject) envFile(file string) (map[string]string, error) {
	if _, err := os.Stat(file); err == nil {
		u.again(file)
		return dotenv.GetEnvFromFile(u.vars, []string{file})
	}
	text, err := u.fromExample(file)
	if err != nil {
		return nil, err
	}
	u.write[file] = text
	return dotenv.ParseWithLookup(strings.NewReader(text), func(name string) (string, bool) {
		value, ok := u.vars[name]
		return value, ok
	})
}

func (u *userProject) load(ctx context.Context, name string) (*types.Project, error) {
	return loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  u.dir(),
		ConfigFiles: types.ToConfigFiles(u.given.Files),
		Environment: maps.Clone(u.vars), // the loader adds to it
	}, func(o *loader.Options) {
		o.SetProjectName(name, true)
		o.Profiles = u.given.Profiles
		o.SkipResolveEnvironment = true // env files may have to be made first
		// The lookup is the loader's own, as each included project has other variables.
		o.Interpolate = &interpolation.Options{LookupValue: o.Interpolate.LookupValue, TypeCastMapping: o.Interpolate.TypeCastMapping, Substitute: u.substitute}
	})
}

// substitute fills variables in. One that is nowhere set, has no default and is
// named like a credential gets a generated one; any other is remembered.
func (u *userProject) substitute(text string, lookup template.Mapping) (string, error) {
	uses, _ := composefile.Variables(text)
	generated := map[string]string{}
	for _, v := range uses {
		if v.Operator != "" && v.Operator != ":?" && v.Operator != "?" {
			continue
		}
		if value, set := lookup(v.Name); set && (value != "" || v.Operator != ":?") {
			continue
		}
		if v.Operator == "" {
			u.unset[v.Name] = v.Text
		}
		if composefile.IsCredential(v.Name) {
			generated[v.Name] = u.secret(v.Name)
		}
	}
	return template.Substitute(text, func(name string) (string, bool) {
		if value, ok := generated[name]; ok {
			return value, true
		}
		return lookup(name)
	})
}

// placeholder stands for a credential until it is generated: a plan and a
// preflight make none.
const placeholder = "generated"

// secret is the generated credential of a name. The file secret db_password and
// the variable DB_PASSWORD are one: that they go together is why they have one name.
func (u *userProject) secret(name string) string {
	name = "user-" + strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name), "-")
	if !slices.Contains(u.secrets, name) {
		u.secrets = append(u.secrets, name)
	}
	if value := u.env.Secrets[name]; value != "" {
		return value
	}
	return placeholder
}
