"""Rows written out: a file per format, each with one function over columns and rows."""
