"""What only local running and the tests need: no module of the product imports this package."""
