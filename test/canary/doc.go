// Package canary proves that nobody sees what is not for them (rule A12). Every field of
// every task holds a text that names its audience, a canary. Many users follow their
// tasks at the same time, look for those of others, lose their streams and come back,
// while nodes are killed. Every byte that a user was sent, and every log, is searched for
// the canaries of others. Last, the same is done to programs in each of which one filter
// was taken out, and every one must be found out.
package canary
