"""One module for each thing that is measured; each makes one life of one daemon and times it."""
