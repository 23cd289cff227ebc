"""What is sent back: formats, headers, links, problems."""
