"""Keymaster push: an app's server sends to its users, devices register with their user's token, admins configure."""
