"""The operations of the IAM API (2010-05-08) and of STS (2011-06-15)."""
