package records

// OutboxRoom is how many events may wait to be sent.
const OutboxRoom = outboxRoom
