"""The proof of the figures: what is stored beside what history comes to, row by row."""
