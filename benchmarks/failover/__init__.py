"""How long packets are lost when an appliance fails, and what the time goes into.

A lab (`routeserver lab`) with two BIRDs between a client and a target; a probe every millisecond;
the active one fails in each way that the lab knows. What is timed: the last probe that A passed
on, BFD's detection, the session's end, the kernel's next hop, the first probe that B passed on,
all by one clock.
"""
