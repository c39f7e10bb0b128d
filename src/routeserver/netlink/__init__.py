"""Netlink as bytes: what is written to the kernel and what it answers. Pure; no socket is here."""
