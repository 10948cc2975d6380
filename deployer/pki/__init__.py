"""Authorities, certificates and revocation lists, as values."""
