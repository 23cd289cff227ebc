"""Replay: recorded messages are brought in and counted, with a daemon or without one."""
