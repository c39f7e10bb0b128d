"""Who calls and what they may: IAM and STS, and the check before every other operation."""
