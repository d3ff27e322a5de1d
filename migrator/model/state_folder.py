"""Where plans, journals and backups are kept when the operator names no place."""

DEFAULT_STATE_DIR = ".migrate"  # relative to the folder in which the command runs
