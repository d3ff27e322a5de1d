"""What happens: one workflow a file, reaching the world through `migrator.ports` only."""
