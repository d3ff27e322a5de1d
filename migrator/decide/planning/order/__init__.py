"""Stage 3: in which steps the entries are made, and with which proof."""
