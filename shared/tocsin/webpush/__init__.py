"""The Web Push protocol, pure: no I/O, no clock, no settings (RFC 8030, 8188, 8291, 8292)."""
