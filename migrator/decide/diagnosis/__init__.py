"""What stands between this machine, this caller and a migration."""
