package ssegateway

// FrameBytes is what streams get of f.
func FrameBytes(f Frame) []byte { return f.bytes }
