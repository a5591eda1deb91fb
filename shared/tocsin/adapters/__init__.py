"""The outside world, one SDK a module; each class keeps the contract of a port in tocsin.application.ports."""
