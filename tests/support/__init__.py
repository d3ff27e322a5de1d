"""What tests share: worlds, vectors, generators."""
