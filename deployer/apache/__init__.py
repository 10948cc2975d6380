"""Apache's configuration, compiled from specs."""
