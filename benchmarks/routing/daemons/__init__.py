"""One module for each daemon: how it is configured, started and asked how many routes it has."""
