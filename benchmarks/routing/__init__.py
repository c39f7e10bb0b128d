"""BGP and BFD, measured side by side with other daemons: `python -m benchmarks.routing`."""
