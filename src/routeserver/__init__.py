"""routeserver: an open VPC Route Server."""

__version__ = "0.1.0"
