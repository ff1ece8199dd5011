"""What a capture costs and what the agent weighs, measured there and then."""
