"""The database of authorities and deployments on the controller."""
