"""Resources as the EC2 answers show them; nothing above this folder knows a stored row's shape on
the wire."""
