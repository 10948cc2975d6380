"""Inventories: text in, hosts with their variables out."""
