"""The composition root: everything that runs is made here and handed what it needs."""
