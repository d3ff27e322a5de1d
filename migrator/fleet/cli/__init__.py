"""`migrate fleet`: arguments in, exit code out. One command a file."""
