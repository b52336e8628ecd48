"""Who does what in the demo. One job runs into a note that was planted in an attachment."""

from dataclasses import dataclass

LAST = "{last}"
"""Stands in an argument for what the tool before it returned."""

INJECTED = "BW-2207"
"""The request whose attachment carries the instruction."""

APPROVED = "JL-52"
"""The request that reaches another customer's table under an approval."""


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call that the model wants to make."""

    tool: str
    arguments: dict[str, str]


def call(tool: str, **arguments: str) -> Call:
    """A step of a script."""
    return Call(tool, arguments)


@dataclass(frozen=True, slots=True)
class Job:
    """One run of an agent. Without a tenant nobody bound it to a session, as it happens."""

    tenant: str
    request: str
    agent: str
    person: str
    script: tuple[Call, ...]
    answer: str = "Done."
    approval: str | None = None


JOBS: dict[str, tuple[Job, ...]] = {
    "brightwater": (
        Job(
            "brightwater",
            "BW-2204",
            "helpdesk",
            "lena.moor@brightwater.example",
            (
                call("read_ticket", desk="brightwater", ticket="BW-2204"),
                call("read_guide", topic="printers"),
                call("send_mail", to="lena.moor@brightwater.example", subject="E-12", body=LAST),
            ),
        ),
        Job(
            "brightwater",
            "BW-2205",
            "facility",
            "facility@brightwater.example",
            (
                call("query_table", database="brightwater", table="appliances"),
                call("send_mail", to="facility@brightwater.example", subject="Service", body=LAST),
            ),
        ),
        Job(
            "brightwater",
            INJECTED,
            "bookkeeping",
            "lena.moor@brightwater.example",
            (
                call("read_ticket", desk="brightwater", ticket=INJECTED),
                call("open_attachment", desk="brightwater", ticket=INJECTED, name="note-5512.txt"),
                call("add_row", database="brightwater", table="expenses", row="5512: 184.20 EUR"),
            ),
            "The delivery note is booked with 184.20 EUR.",
        ),
    ),
    "oakfield": (
        Job(
            "oakfield",
            "OF-731",
            "purchasing",
            "r.stone@oakfield.example",
            (
                call("read_ticket", desk="oakfield", ticket="OF-731"),
                call("query_table", database="oakfield", table="stock"),
                call("add_row", database="oakfield", table="orders", row="paper bags, 400"),
                call(
                    "send_mail",
                    to="orders@millstone.example",
                    subject="Order",
                    body="400 paper bags, please.",
                ),
            ),
        ),
        Job(
            "oakfield",
            "OF-732",
            "reporting",
            "r.stone@oakfield.example",
            (
                call("query_table", database="oakfield", table="suppliers"),
                call(
                    "send_mail",
                    to="r.stone@oakfield.example",
                    subject="Suppliers",
                    body="There are two.",
                ),
            ),
        ),
    ),
    "juniper": (
        Job(
            "juniper",
            "JL-51",
            "reporting",
            "lab@juniper.example",
            (
                call("query_table", database="juniper", table="samples"),
                call("send_mail", to="lab@juniper.example", subject="Open samples", body=LAST),
            ),
        ),
        Job(
            "juniper",
            APPROVED,
            "recall",
            "lab@juniper.example",
            (
                call("read_ticket", desk="juniper", ticket=APPROVED),
                call("query_table", database="oakfield", table="batches"),
                call("add_row", database="juniper", table="results", row="S-204 matches 7782"),
            ),
            "S-204 matches batch 7782.",
            approval="CHG-118",
        ),
        Job("", "", "stocktaking", "", (call("read_guide", topic="printers"),)),
    ),
}
"""The jobs of each customer's agents; a process for each customer runs them."""
