"""The findings catalogue, one module per subject; ``decide/findings/findings_catalogue.py`` puts it
together.
"""
