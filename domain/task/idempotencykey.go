package task

// MaxKeyBytes bounds an Idempotency-Key, in bytes: it is kept with the task, and
// stores and proxies take that much for sure (rule T14).
const MaxKeyBytes = 255
