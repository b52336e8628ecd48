"""The subcommands of `partywall` that come with the collector."""
