"""The EC2 API beside moto's server: requests per second, and how long an answer takes."""
