package cluster

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kind/pkg/log"

	"github.com/buenhyden/hy-home/internal/engine"
)

// logger turns kind's log into progress (its steps) and debug output (the rest).
type logger struct{ env engine.Env }

var _ log.Logger = logger{}

func (l logger) Warn(message string)           { l.env.Log.Warn("kind", "message", message) }
func (l logger) Warnf(format string, a ...any) { l.Warn(fmt.Sprintf(format, a...)) }

// kind returns its errors as well: logging them louder would tell them twice.
func (l logger) Error(message string)           { l.env.Log.Debug("kind", "error", message) }
func (l logger) Errorf(format string, a ...any) { l.Error(fmt.Sprintf(format, a...)) }

func (l logger) V(level log.Level) log.InfoLogger { return infoLogger{l.env, level} }

type infoLogger struct {
	env   engine.Env
	level log.Level
}

func (l infoLogger) Enabled() bool                 { return l.level <= 1 }
func (l infoLogger) Infof(format string, a ...any) { l.Info(fmt.Sprintf(format, a...)) }

func (l infoLogger) Info(message string) {
	if step, ok := step(message); ok && l.level == 0 {
		l.env.Progress(step)
		return
	}
	if l.level <= 1 {
		l.env.Log.Debug("kind", "message", strings.TrimSpace(message))
	}
}

// step reads a line such as " • Preparing nodes 📦 📦 📦   ...", which says what
// kind does next. The lines that say that a step is over (✓, ✗) are no news.
func step(message string) (string, bool) {
	text, ok := strings.CutPrefix(strings.TrimSpace(message), "• ")
	if !ok {
		return "", false
	}
	text = strings.Map(func(r rune) rune {
		if r > 0x2000 { // the pictures
			return -1
		}
		return r
	}, strings.TrimSuffix(text, "..."))
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return "", false
	}
	return strings.ToLower(text[:1]) + text[1:], true
}
