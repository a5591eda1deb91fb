"""Pushary: send at once, in campaigns to segments or by flows, with templates, on a monthly allowance."""
