"""What each daemon is told, as text: configurations and command lines from values alone."""
