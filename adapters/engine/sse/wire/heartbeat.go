package wire

// Heartbeat is the comment that idle streams get (rule G5).
const Heartbeat = ": heartbeat\n\n"
