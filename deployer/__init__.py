"""Mutual TLS for Apache, issued, rendered and deployed as one release."""

__version__ = "0.1.0"
