"""The statements that make many spans at once."""
