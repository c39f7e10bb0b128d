"""The settings: what may be set, from where it is read, and what it comes to."""
