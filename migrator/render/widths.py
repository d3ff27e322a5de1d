"""How wide text for a terminal is. Apart from rich, which takes long to load."""

MAX_WIDTH = 100  # columns of a text for no terminal, which may be read on any
WIDEST = 160  # longer lines are hard to follow
