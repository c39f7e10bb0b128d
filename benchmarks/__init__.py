"""What routeserver is measured against, and how; nothing here is installed."""
