"""`partywall registry principal|token|grant-key`: who may send, and who may sign for a session."""

import argparse
import hashlib
import json
import secrets
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from partywall_collector.issuer_keys import BadKey, new_key, public_keys
from partywall_collector.registry.document import Scalar
from partywall_collector.registry.load import current, write
from partywall_collector.registry.model import ANY, ROLES, Issuer, Principal, Tenant
from partywall_collector.registry.schema import slots
from partywall_collector.registry.values import close_to, read_value
from partywall_collector.store import Store, open_store


class CannotRun(Exception):
    """What was asked for cannot be done; the text says why and the way out."""


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands to those of `partywall registry`."""
    admitting = commands.add_parser(
        "principal",
        parents=[common],
        help="admit a sender by its certificate or its JWT, give it roles, take its token away",
        description="What is not named stays as it is.",
    )
    admitting.add_argument("principal", metavar="PRINCIPAL")
    _add_tenants(admitting, "send")
    admitting.add_argument(
        "--spiffe-id", metavar="ID", help="the URI in its client certificate, spiffe://domain/path"
    )
    admitting.add_argument(
        "--jwt",
        nargs=2,
        metavar=("ISSUER", "SUBJECT"),
        help="who signs its JWTs, and what they name it",
    )
    admitting.add_argument(
        "--role",
        action="append",
        choices=[*ROLES, "none"],
        help="what it may do beside sending spans; again for more; none takes all away",
    )
    admitting.add_argument(
        "--revoke-token", action="store_true", help="its bearer token is good no longer"
    )
    admitting.set_defaults(run=_principal)

    minting = commands.add_parser(
        "token", parents=[common], help="make a token for a principal, print it once"
    )
    minting.add_argument("principal", metavar="PRINCIPAL")
    _add_tenants(minting, "send")
    minting.set_defaults(run=_token)

    keying = commands.add_parser(
        "grant-key",
        parents=[common],
        help="register who signs session grants; makes a key and prints the private half once",
    )
    keying.add_argument("issuer", metavar="ISSUER")
    _add_tenants(keying, "sign")
    keying.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="register this public key (PEM) and make none",
    )
    keying.set_defaults(run=_grant_key)


def _add_tenants(parser: argparse.ArgumentParser, verb: str) -> None:
    parser.add_argument(
        "--tenant",
        action="append",
        metavar="ID",
        help=f"a tenant it may {verb} for; again for more; '*' is every registered tenant",
    )


def _principal(options: argparse.Namespace) -> int:
    with open_store(options.store, role="writer") as store:
        after = _with_tenants(options, store)
        if options.spiffe_id is not None:
            after = replace(after, spiffe_id=_checked("spiffe_id", options.spiffe_id))
        if options.jwt:
            issuer, subject = options.jwt
            after = replace(
                after,
                jwt_issuer=_checked("jwt_issuer", issuer),
                jwt_subject=_checked("jwt_subject", subject),
            )
        if options.role:
            roles = tuple(dict.fromkeys(role for role in options.role if role != "none"))
            after = replace(after, roles=roles)
        if options.revoke_token:
            after = replace(after, token_sha256="")
        write([after], store)
    known_by = {
        "token": bool(after.token_sha256),
        "JWT": bool(after.jwt_subject),
        "certificate": bool(after.spiffe_id),
    }
    if options.json:
        said: dict[str, object] = {"principal": after.id, "tenants": after.tenants}
        print_json(said | {"roles": after.roles, "known_by": [*filter(known_by.get, known_by)]})
        return 0
    print(f"{after.id} may send for {_whom(after.tenants)}.")
    if after.roles:
        print(f"Its roles: {', '.join(after.roles)}.")
    if any(known_by.values()):
        print(f"It is known by its {' or its '.join(filter(known_by.get, known_by))}.")
    else:
        print("It cannot send yet: give it --spiffe-id, --jwt, or a token with `token`.")
    return 0


def _token(options: argparse.Namespace) -> int:
    with open_store(options.store, role="writer") as store:
        before = _with_tenants(options, store)
        token = f"pw_{secrets.token_urlsafe(32)}"
        digest = hashlib.sha256(token.encode()).hexdigest()
        write([replace(before, token_sha256=digest)], store)
    if options.json:
        print_json({"principal": options.principal, "tenants": before.tenants, "token": token})
        return 0
    print(
        f"{options.principal} may send for {_whom(before.tenants)}. This is shown once:",
        file=sys.stderr,
    )
    print(token, flush=True)
    if before.token_sha256:
        print("The principal's earlier token is no longer valid.", file=sys.stderr)
    return 0


def _grant_key(options: argparse.Namespace) -> int:
    private, public = "", ""
    if options.public_key:
        public = options.public_key.read_text(encoding="ascii", errors="replace").strip()
        try:
            public_keys(public)
        except BadKey as error:
            raise CannotRun(f"{options.public_key}: {error}") from None
    else:
        private, public = new_key()
    with open_store(options.store, role="writer") as store:
        before = next((i for i in current(store, Issuer) if i.id == options.issuer), None)
        tenants = tuple(dict.fromkeys(options.tenant or (before.tenants if before else ())))
        check_tenants(tenants, store)
        write([Issuer(id=options.issuer, tenants=tenants, public_key=public)], store)
    if options.json:
        print_json({"issuer": options.issuer, "tenants": tenants, "private_key": private})
        return 0
    print(f"{options.issuer} may sign grants for {_whom(tenants)}.", file=sys.stderr)
    if private:
        print("Its private key is shown once:", file=sys.stderr)
        print(private, end="", flush=True)
    if before:
        print("What it signed with the earlier key is no longer good.", file=sys.stderr)
    return 0


def _with_tenants(options: argparse.Namespace, store: Store) -> Principal:
    """The principal as it is in force, or a new one, for the tenants that were named."""
    found = (p for p in current(store, Principal) if p.id == options.principal)
    before = next(found, Principal(id=options.principal, tenants=()))
    tenants = tuple(dict.fromkeys(options.tenant or before.tenants))
    check_tenants(tenants, store)
    return replace(before, tenants=tenants)


def check_tenants(tenants: Sequence[str], store: Store) -> None:
    """Refuse tenants that are not registered."""
    if not tenants:
        raise CannotRun("for whom? Name its tenants with --tenant ID")
    if ANY in tenants and len(tenants) > 1:
        raise CannotRun("--tenant '*' stands alone: it is every registered tenant")
    known = [tenant.id for tenant in current(store, Tenant)]
    for name in tenants:
        if name not in known and name != ANY:
            raise CannotRun(
                f"no tenant '{name}' is registered{close_to(name, known) or ';'} "
                f"`partywall registry load FILE` adds one: tenants: [{{id: {name}}}]"
            )


def _checked(name: str, text: str) -> str:
    """A value for a key of a principal, by the rules of registry files; none is written as ''."""

    def refuse(_line: int, _inside: str, what: str) -> None:
        raise CannotRun(f"{slot.key}: {what}")

    slot = next(slot for slot in slots(Principal) if slot.name == name)
    return read_value(slot, Scalar(text, "text", 0), refuse) if text else ""


def _whom(tenants: Sequence[str]) -> str:
    return "every registered tenant" if ANY in tenants else ", ".join(tenants)


def print_json(value: object) -> None:
    """Print one line of JSON."""
    print(json.dumps(value, ensure_ascii=False))
