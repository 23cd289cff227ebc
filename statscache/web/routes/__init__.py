"""The requests that are understood, a file for each."""
