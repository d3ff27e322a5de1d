"""The findings catalogue, one module per subject; ``decide/findings_catalogue.py`` puts it together."""
