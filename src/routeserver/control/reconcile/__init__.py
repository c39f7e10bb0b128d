"""The reconcilers: they move the world to what the store says is wanted, and move states by what
the world answers.

An activation takes no input. A hint, a restart and a repair are therefore one path: read what is
wanted, converge, advance.
"""
