"""`migrate lab`: one command a file."""
