"""Routes into the kernel: how long a full table takes from the feeder's first byte until the kernel
has all of it, beside the kernel protocols of BIRD and FRR."""
