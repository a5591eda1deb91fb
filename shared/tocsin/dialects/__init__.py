"""The APIs that Tocsin speaks: one folder each, found by looking. None imports another."""
