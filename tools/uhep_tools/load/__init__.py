"""Realistic calls as HEP packets, offered to any collector at a steady rate."""
