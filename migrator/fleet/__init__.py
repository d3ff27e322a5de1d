"""Many clusters: the wing that runs every command over accounts, Regions and waves."""
