"""Rows as they change, told to whoever listens: Server-Sent Events."""
