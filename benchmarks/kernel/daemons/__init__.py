"""One module for each daemon that writes a kernel's routes."""
