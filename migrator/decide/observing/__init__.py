"""Who really uses the cluster, counted from the control-plane logs."""
