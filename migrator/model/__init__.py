"""What things are: frozen values that check themselves. No I/O, no clock, no randomness."""
