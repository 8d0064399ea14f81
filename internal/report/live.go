package report

import (
	"fmt"
	"io"
	"strings"
)

// flush writes lasting text and puts the live block below it, in one Write so
// that the terminal never shows the state between.
func (c *Console) flush(text string) {
	if !c.o.TTY || c.closed {
		if text != "" {
			_, _ = io.WriteString(c.w, text)
		}
		return
	}
	block := c.block()
	_, _ = io.WriteString(c.w, c.eraser()+text+strings.Join(block, ""))
	c.drawn = len(block)
}

func (c *Console) erase() {
	if c.drawn > 0 {
		_, _ = io.WriteString(c.w, c.eraser())
	}
	c.drawn = 0
}

// eraser moves to the first line of the block and clears to the end of the screen.
func (c *Console) eraser() string {
	if c.drawn == 0 {
		return ""
	}
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", c.drawn)
}

// block returns the lines of the live block. Each is cut to the width of the
// terminal: a line that wraps would make the cursor miss the first line.
func (c *Console) block() []string {
	if len(c.atWork) == 0 {
		return nil
	}
	width := c.o.Width()
	if width <= 0 {
		width = defaultWidth
	}
	p := paint(c.o.Colour)
	spinner := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	now := c.o.Now()
	var out []string
	for i, a := range c.atWork {
		if i == liveMost {
			out = append(out, p.dim(clip(fmt.Sprintf("  and %d more", len(c.atWork)-i), width-1))+"\n")
			break
		}
		head := clip(fmt.Sprintf("%s %9s", pad(a.id, c.spacing), seconds(now.Sub(a.start))), width-3)
		text := clip(a.text, width-3-columns(head)-2)
		out = append(out, strings.TrimRight(p.status(Running, string(spinner[c.frame%len(spinner)]))+" "+head+"  "+p.dim(text), " ")+"\n")
	}
	waiting := max(0, c.total-c.ended-len(c.atWork))
	foot := fmt.Sprintf("  %d of %d done, %d at work, %d waiting, %s", c.ended, c.total, len(c.atWork), waiting, seconds(now.Sub(c.start)))
	return append(out, p.dim(clip(foot, width-1))+"\n")
}
