"""What a request asks for: its arguments, taken apart and checked."""
