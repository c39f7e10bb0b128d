"""The commands of ``routeserver``."""
