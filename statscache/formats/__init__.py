"""Rows written out: a file per format, each with functions over columns and rows."""
