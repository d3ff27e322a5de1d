"""Arguments in, exit code out. One command a file; `wiring` is where ports meet adapters."""
