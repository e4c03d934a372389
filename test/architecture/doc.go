// Package architecture holds the tests that keep the layers apart: what may
// import what, where the environment is read, that each port has its mock and
// its contract suite, and that every package says what it is. What the linter
// checks import by import is checked here over whole chains of imports.
package architecture
