"""The one process with privilege: it opens sockets, makes namespaces and writes netlink for the
server, which has none. It knows no BGP, no BFD, no HTTP and no resource; it imports the standard
library, `netlink` and nothing else.
"""
