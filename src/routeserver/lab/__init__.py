"""The lab: VPCs, appliances and clients in network namespaces of one machine, from one short file.

It is a user of the server like any other: it builds through the EC2 API and the operator's socket,
and it knows nothing that they do not say. The values of the file (`model`, `keys`, `reading`), the
calls that they mean (`cloud_plan`) and the daemons' configurations (`daemons`) are pure; what
touches the machine stands beside them, and writes down what it is about to do before it does it
(`journal`), so that whatever ends half-way can be taken down.
"""
