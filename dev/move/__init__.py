"""Moving an app's subscribers in and out, from a terminal."""
