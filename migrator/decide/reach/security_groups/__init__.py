"""Security groups: which traffic they let pass, and what a cluster needs of them."""
