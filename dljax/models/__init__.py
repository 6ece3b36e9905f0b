"""The networks: Linen modules without a loss, an optimizer or data."""
