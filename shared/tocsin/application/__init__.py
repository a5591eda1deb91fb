"""Use cases, the ports they need, and the jobs that travel between functions."""
