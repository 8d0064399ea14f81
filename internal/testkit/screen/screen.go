// Package screen is a terminal for tests: it shows what a program has drawn.
package screen

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Screen is a terminal that knows carriage return, cursor up, clearing to the end
// of a line or of the screen, and colours. It wraps and scrolls, and keeps what has
// left it at the top; each rune takes one column.
type Screen struct {
	Width, Height int // change them by [Screen.Resize] once something is drawn
	// Faults are what no terminal shows as it is meant: a cursor that is sent beyond
	// the screen, a sequence that is not known.
	Faults []string
	// Colours counts the sequences that set a colour.
	Colours int

	rows [][]rune // the last Height of them are on the screen
	cont []bool   // of each row: it goes on with what did not fit into the one before
	x, y int      // y counts from the first row that was ever written
}

var sequence = regexp.MustCompile(`^\x1b\[(\d*)([AJKm])`)

// Write draws; a sequence must not be cut in two.
func (s *Screen) Write(b []byte) (int, error) {
	for rest := string(b); rest != ""; {
		if m := sequence.FindStringSubmatch(rest); m != nil {
			rest = rest[len(m[0]):]
			n, _ := strconv.Atoi(m[1])
			s.act(m[2], n)
			continue
		}
		r, n := utf8.DecodeRuneInString(rest)
		s.put(r)
		rest = rest[n:]
	}
	return len(b), nil
}

func (s *Screen) act(what string, n int) {
	row := s.row()
	switch what {
	case "A":
		s.y -= n
		if top := max(0, len(s.rows)-s.Height); s.y < top {
			s.fault("the cursor is sent %d rows above the screen", top-s.y)
			s.y = top
		}
	case "K":
		s.clear(row)
	case "J":
		s.clear(row)
		for i := s.y + 1; i < len(s.rows); i++ {
			s.rows[i], s.cont[i] = nil, false
		}
	case "m":
		s.Colours++
	}
}

// clear takes away the rest of the cursor's row, and that it goes on in the next one.
func (s *Screen) clear(row *[]rune) {
	*row = (*row)[:min(s.x, len(*row))]
	if s.y+1 < len(s.cont) {
		s.cont[s.y+1] = false
	}
}

func (s *Screen) put(r rune) {
	switch r {
	case '\r':
		s.x = 0
	case '\n':
		s.x, s.y = 0, s.y+1
		s.row()
	case '\x1b':
		s.fault("an unknown sequence")
	default:
		if s.x == s.Width {
			s.x, s.y = 0, s.y+1
			s.row()
			s.cont[s.y] = true
		}
		row := s.row()
		for len(*row) <= s.x {
			*row = append(*row, ' ')
		}
		(*row)[s.x] = r
		s.x++
	}
}

func (s *Screen) row() *[]rune {
	for len(s.rows) <= s.y {
		s.rows, s.cont = append(s.rows, nil), append(s.cont, false)
	}
	return &s.rows[s.y]
}

// Resize makes the terminal another size and wraps its lines anew, as most terminals
// do: those of GNOME, KDE, macOS and Windows, kitty, iTerm2, tmux. The cursor stays
// where it is in the text, and rows below it that are empty give way first.
func (s *Screen) Resize(width, height int) {
	old := *s
	s.Width, s.Height, s.rows, s.cont = width, height, nil, nil
	end := len(old.rows)
	for end > old.y+1 && len(old.rows[end-1]) == 0 {
		end--
	}
	for first := 0; first < end; {
		next := first + 1
		for next < end && old.cont[next] {
			next++
		}
		var line []rune
		for i, row := range old.rows[first:next] {
			if first+i == old.y {
				s.x, s.y = len(line)+old.x, len(s.rows)
			}
			line = append(line, row...)
		}
		s.wrap(line)
		first = next
	}
	s.y, s.x = s.y+s.x/width, s.x%width
	s.row()
}

// wrap adds a line below all others.
func (s *Screen) wrap(line []rune) {
	for first := true; first || len(line) > 0; first = false {
		n := min(s.Width, len(line))
		s.rows, s.cont = append(s.rows, line[:n:n]), append(s.cont, !first)
		line = line[n:]
	}
}

func (s *Screen) fault(format string, args ...any) {
	s.Faults = append(s.Faults, fmt.Sprintf(format, args...))
}

// String is all that was drawn and not cleared, with what has left the screen.
func (s *Screen) String() string {
	var b strings.Builder
	for _, row := range s.rows {
		b.WriteString(strings.TrimRight(string(row), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}
