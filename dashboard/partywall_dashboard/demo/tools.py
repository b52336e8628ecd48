"""The tools that Harborline gives to every agent; one access path for all customers."""

import json

from partywall_dashboard.demo import world


def read_ticket(desk: str, ticket: str) -> str:
    """Read a ticket of a customer's service desk."""
    return world.TICKETS.get(f"{desk}/{ticket}", "no such ticket")


def open_attachment(desk: str, ticket: str, name: str) -> str:
    """Open a file that is attached to a ticket."""
    return world.ATTACHMENTS.get(f"{desk}/{ticket}/{name}", "no such attachment")


def read_guide(topic: str) -> str:
    """Read one of the provider's guides."""
    return world.GUIDES.get(topic, "no such guide")


def query_table(database: str, table: str) -> str:
    """Read the rows of a table."""
    return json.dumps(world.TABLES.get(f"{database}.{table}", []))


def add_row(database: str, table: str, row: str) -> str:
    """Add a row to a table."""
    return f"1 row added to {database}.{table}: {row}"


def send_mail(to: str, subject: str, body: str) -> str:
    """Send a mail."""
    return f"sent to {to}: {subject} ({len(body)} characters)"


TOOLS = (read_ticket, open_attachment, read_guide, query_table, add_row, send_mail)
