"""Every code a finding can have, and what to do about it."""
