package memreceipts

// SetLimit makes the bound a smaller one.
func (r *Receipts) SetLimit(keys int) { r.limit = keys }
