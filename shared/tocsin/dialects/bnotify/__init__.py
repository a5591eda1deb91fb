"""bNotify: bring a user's devices to a channel by a code, then notify the user."""
