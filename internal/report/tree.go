package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// flush writes lasting text, above the tree if there is one.
func (c *Console) flush(text string) {
	if c.o.TTY && !c.closed {
		c.draw(text, false)
	} else if text != "" {
		_, _ = io.WriteString(c.w, text)
	}
}

// draw writes lasting text and the tree below it over what stands there, in one
// Write and without clearing it first: nothing flickers. The last tree is whole.
func (c *Console) draw(text string, last bool) {
	width, height := c.o.Size()
	if width <= 0 {
		width = defaultWidth
	}
	if height <= 0 {
		height = defaultHeight
	}
	// A column and a row stay free: a terminal that is full to the end wraps and scrolls.
	tree := c.tree(width-1, height-1, last)
	up := ""
	if n := c.standing(width, height); n > 0 {
		up = fmt.Sprintf("\r\x1b[%dA", n)
	} else if text+tree == "" {
		return
	}
	_, _ = io.WriteString(c.w, up+strings.ReplaceAll(text+tree, "\n", "\x1b[K\n")+"\x1b[J")
	c.drawn = stripEscapes(tree)
}

// standing is how many rows the tree takes that is on the screen, as wide as the
// screen is now: a terminal that was made narrower has wrapped its lines. Those that
// this has pushed out at the top are out of reach.
//
// A few terminals cut lines instead (xterm, Linux's console). There this takes as many
// lines above the tree away; a terminal does not tell which kind it is.
func (c *Console) standing(width, height int) int {
	n := 0
	for line := range strings.Lines(c.drawn) {
		n += rows(strings.TrimSuffix(line, "\n"), width)
	}
	return min(n, height-1)
}

// tree is a branch for each lane, a leaf for each of its steps and a line that
// counts them: in so many columns and rows, or whole.
func (c *Console) tree(width, rows int, whole bool) string {
	if len(c.steps) == 0 {
		return ""
	}
	branches := c.branches()
	if whole {
		unfold(branches)
	} else {
		choose(branches, rows-1)
	}
	var b strings.Builder
	for _, br := range branches {
		if !br.open {
			continue
		}
		status, took, text := br.sum(c.now)
		b.WriteString(c.row("", status, br.lane, took, text, "", width))
		for i, s := range br.shown {
			prefix, below := "├ ", "│   "
			if i == len(br.shown)-1 {
				prefix, below = "└ ", "    "
			}
			text, age := s.doing(c.now)
			if whole && s.status == Failed {
				text = "failed"
			}
			b.WriteString(c.row(prefix, s.status, s.id, s.took(c.now), text, age, width))
			if whole && s.status == Failed {
				b.WriteString(s.wholeCause(below))
			}
		}
	}
	n := count(c.steps)
	foot := fmt.Sprintf("  %d of %d done, %d at work, %d waiting, %s", n[Passed], len(c.steps), n[Running], n[""], seconds(c.now.Sub(c.start)))
	if whole {
		foot = fmt.Sprintf("  %d of %d done in %s", n[Passed], len(c.steps), seconds(c.now.Sub(c.start)))
	}
	return b.String() + paint(c.o.Colour).dim(clip(foot, width)) + "\n"
}

// row is one line of the tree: sign, name, how long, and what else there is room
// for, which may be cut, and its end, which may not. It has at most width columns.
func (c *Console) row(prefix string, s Status, name string, took time.Duration, text, end string, width int) string {
	const timeColumns, least = 10, 6 // of a time, with the space before it; of a name beside one
	p := paint(c.o.Colour)
	mark := sign(s)
	if spinner := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"); s == Running && !c.closed {
		mark = string(spinner[c.frame%len(spinner)])
	}
	left := width - columns(prefix) - 2
	room := min(left, c.spacing+2-columns(prefix))
	clock := ""
	if left >= least+timeColumns {
		room = min(room, left-timeColumns)
		if took > 0 || s == Passed {
			clock = fmt.Sprintf("%*s", timeColumns, seconds(took))
		}
		clock = pad(clock, timeColumns)
	}
	line := pad(clip(name, room), room)
	if prefix == "" {
		line = p.bold(line)
	}
	line = p.dim(prefix) + p.status(s, mark) + " " + line + p.dim(clock)
	if left -= room + len(clock) + 2 + len(end); left >= least && text != "" {
		line += "  " + p.dim(clip(text, left)+end)
	}
	return strings.TrimRight(line, " ") + "\n"
}

// doing says what the step does now, and for how long if it has not from its start.
func (s *step) doing(now time.Time) (text, age string) {
	switch {
	case s.status == "":
		return "waiting", ""
	case s.status == Running && s.since.After(s.start):
		return s.text, " (" + seconds(now.Sub(s.since)) + ")"
	}
	return s.text, ""
}
