"""What an operator asks for: where the core meets the shell."""
