"""Pushary: send to subscribers, external ids and tags, on a monthly allowance, and keep the list of subscribers."""
