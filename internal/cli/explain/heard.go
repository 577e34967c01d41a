package explain

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// heard keeps what the chain would log, so that the report says it in its own place.
type heard struct {
	mu    sync.Mutex
	lines []string
}

var _ slog.Handler = (*heard)(nil)

// Enabled takes warnings and worse.
func (h *heard) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle keeps a message with its values.
func (h *heard) Handle(_ context.Context, r slog.Record) error {
	parts := []string{r.Message}
	r.Attrs(func(a slog.Attr) bool {
		parts = append(parts, a.Value.String())
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if line := strings.Join(parts, ": "); !slices.Contains(h.lines, line) {
		h.lines = append(h.lines, line)
	}
	return nil
}

// WithAttrs returns h: nothing that the chain logs has context of its own.
func (h *heard) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup returns h.
func (h *heard) WithGroup(string) slog.Handler { return h }

// unlike are the lines that no row says already.
func (h *heard) unlike(rows []Source) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.lines), func(line string) bool {
		return slices.ContainsFunc(rows, func(s Source) bool { return s.Reason != "" && strings.Contains(line, s.Reason) })
	})
}
