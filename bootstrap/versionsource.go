package bootstrap

import (
	"go.uber.org/fx"

	"heliograph/adapters/outbound/cachedversion"
	"heliograph/adapters/outbound/fileversion"
	"heliograph/adapters/outbound/fixedversion"
	"heliograph/adapters/outbound/noversion"
	"heliograph/adapters/outbound/urlversion"
	"heliograph/domain/version"
)

// sourceModule is the choice of where the current frontend version comes from.
// Whatever it is, one cache stands before it (rule V5).
func sourceModule(cfg Config) fx.Option {
	name, source := chooseSource(cfg.Versions)
	return fx.Module("source/"+name, fx.Provide(
		fx.Annotate(source, fx.As(new(version.Source)), fx.ResultTags(`name:"uncached"`)),
		fx.Annotate(cachedversion.New, fx.ParamTags(`name:"uncached"`), fx.As(new(version.Source))),
	))
}

// chooseSource returns the name and the constructor of the source.
func chooseSource(cfg VersionsConfig) (name string, constructor any) {
	switch {
	case cfg.URL != "":
		return "url", func(lc fx.Lifecycle) (*urlversion.Source, error) {
			s, err := urlversion.New(string(cfg.URL))
			if err == nil {
				lc.Append(fx.StopHook(s.Close))
			}
			return s, err
		}
	case cfg.File != "":
		return "file", func() *fileversion.Source { return fileversion.New(cfg.File) }
	case cfg.Fixed != "":
		return "fixed", func() (*fixedversion.Source, error) { return fixedversion.New(cfg.Fixed) }
	default:
		return "none", noversion.New
	}
}
