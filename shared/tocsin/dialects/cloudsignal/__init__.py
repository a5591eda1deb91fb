"""CloudSignal: send to people, devices or everyone, on a quota of the hour and the day."""
