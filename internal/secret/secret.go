// Package secret keeps passwords from being shown. A [Secret] has to be
// revealed by name; printing, logging or encoding one gives a placeholder
// instead. A [Source] tells where a password comes from, and gets it when it is
// needed for the first time, once.
package secret

import (
	"fmt"
	"log/slog"
)

// hidden is what a secret looks like wherever it is shown.
const hidden = "[secret]"

// Secret is a text that must not be shown. The zero Secret is empty.
type Secret struct{ text string }

// New makes a secret of a text.
func New(text string) Secret { return Secret{text} }

// Reveal returns the text. Call it where the secret is used, not before.
func (s Secret) Reveal() string { return s.text }

// IsEmpty tells that there is no text.
func (s Secret) IsEmpty() bool { return s.text == "" }

// String shows a placeholder.
func (s Secret) String() string { return hidden }

// GoString shows a placeholder.
func (s Secret) GoString() string { return hidden }

// Format shows a placeholder, whatever the verb: %x of a struct would reach the
// field that String hides.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue shows a placeholder in a log.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText writes a placeholder into JSON and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
