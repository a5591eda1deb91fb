"""The rules, pure: no clock, no network, no AWS, no wire format."""
