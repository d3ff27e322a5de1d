"""Who has which access in a lab now, found without the code that the tool decides with."""
