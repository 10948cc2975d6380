"""Advice: what is wrong, or dangerous, in an inventory that says nothing impossible."""
