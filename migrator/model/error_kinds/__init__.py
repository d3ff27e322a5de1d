"""The catalogue of errors, one module per subject; ``model/error_catalogue.py`` assembles it."""
