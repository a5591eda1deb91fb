"""pushService: send to an e-mail address, paid with credits."""
