"""Values to text, escaped for where the text goes. Pure."""
