"""What the person at the machine may ask and set: looking, explaining, what if, peer settings,
recording.

One small function for each question, listed in `registry`: a mapping in, a mapping out, both JSON.
Nothing here is part of the EC2 API, and nothing here is reached through it.
"""
