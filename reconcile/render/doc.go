// Package render writes plans, previews, reports and explanations as text and Markdown. Every page
// starts with a verdict; the changes that take the most access come first.
package render
