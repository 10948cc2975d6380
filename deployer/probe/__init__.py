"""TLS from outside: what a host really serves, and whom it really lets in."""
