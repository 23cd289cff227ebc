"""Replay: recorded messages are counted, beside the daemon or in its place."""
