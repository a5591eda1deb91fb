"""The composition root: settings, the container, and how events become calls."""
