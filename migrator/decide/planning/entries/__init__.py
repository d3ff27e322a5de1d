"""Stage 2: which access entry each principal gets, or which finding."""
