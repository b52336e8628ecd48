"""The subcommands of `partywall` that this package brings."""
