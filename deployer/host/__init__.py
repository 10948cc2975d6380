"""What we do on a host: one POSIX sh script per verb, and a typed function for each."""
