"""A fleet's values to text, escaped for where the text goes. Pure."""
