"""How far the clocks of machines can be relied on."""

CLOCKS_DIFFER = 5
"""Seconds that those of two machines may be apart."""
