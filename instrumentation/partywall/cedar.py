"""Policies in Cedar, evaluated in this process (`pip install 'partywall[policy]'`).

Cedar skips a policy that fails while it is evaluated, also a `forbid`, so a request can be allowed
because a rule broke. Here nothing is: policies are validated against a schema when they are read,
and an answer that comes with errors is `indeterminate`.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

from partywall.errors import PolicyError
from partywall.policy import Decision, Effect, Request

LONGEST: Final = 1_000_000
"""Characters of policies, schema or entities."""

DEEPEST: Final = 100
"""Brackets within brackets: the parser recurses, and one that runs out of stack takes us along."""

_NESTING: Final = re.compile(r"(?P<open>[(\[{]|\bif\b)|(?P<close>[)\]}])|;")

_UPWARDS: Final = re.compile(r"(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:$|[/\\]|%2f|%5c)", re.IGNORECASE)
"""A step up in a path: what a pattern matches is then not where the path leads."""

LONGEST_ERROR: Final = 500

NO_OPERATION: Final = "call"
"""The action of a call that says no operation."""

SCHEMA: Final = """\
entity Tenant;
entity Group;
entity Identity in [Group];
entity Tool in [Group];
entity Dataset in [Tenant];

action "read", "write", "delete", "admin", "list", "send", "call" appliesTo {
  principal: [Identity],
  resource: [Dataset, Tool],
  context: {
    tenant: Tenant,
    tool: String,
    time: Long,
    session: String,
    dataset?: String,
    parties?: Set<String>,
    request?: String,
    on_behalf_of?: String,
    actors?: Set<String>,
    agent?: String,
    approval?: String,
    credential?: String,
    credential_expires?: Long,
  },
};
"""
"""What a policy may speak of. Times are unix milliseconds."""


class CedarPolicy:
    """A set of Cedar policies, read once.

    A request is asked as `Identity::"..."`, `Action::"read"` and `Dataset::"..."` (or
    `Tool::"..."` for a call that names no dataset), with the rest in `context`; `SCHEMA` has all of
    it. `owners` maps patterns of dataset names to tenants (the first that matches), so that
    `resource in context.tenant` says "a dataset of the tenant that this work is for". `entities`
    are entities of your own, `schema` replaces ours.
    """

    def __init__(
        self,
        policies: str,
        *,
        owners: Mapping[str, str] | None = None,
        entities: Sequence[Mapping[str, Any]] = (),
        schema: str | None = None,
    ) -> None:
        self._cedar = _engine()
        said_schema = SCHEMA if schema is None else schema
        said_entities = _json(entities)
        self._schema = self._read("schema", self._cedar.Schema.from_str, said_schema)
        self._policies = self._read("policies", self._cedar.PolicySet.from_str, policies)
        result = self._cedar.validate_policies(policies, self._schema)
        if result.errors:
            raise PolicyError(f"policies do not fit the schema: {_errors(result)}")
        self._entities = self._read(
            "entities",
            lambda text: self._cedar.Entities.from_json_str(text, self._schema),
            said_entities,
        )
        self._declared = {_uid(entity) for entity in entities}
        self._owners = [
            (re.compile(translate(pattern)), tenant) for pattern, tenant in (owners or {}).items()
        ]
        self.digest = _sha256(policies)
        self.data = _sha256(_json([said_schema, said_entities, list((owners or {}).items())]))
        self.engine = f"cedarpy {version('cedarpy')}"

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        owners: Mapping[str, str] | None = None,
        entities: Sequence[Mapping[str, Any]] = (),
        schema: str | None = None,
    ) -> "CedarPolicy":
        """The policies of a file."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise PolicyError(f"{path}: the policies cannot be read ({error})") from None
        try:
            return cls(text, owners=owners, entities=entities, schema=schema)
        except PolicyError as error:
            raise PolicyError(f"{path}: {error}") from None

    def decide(self, request: Request, /) -> Decision:
        """Allow, deny, or indeterminate where Cedar reports any error."""
        resource = (
            _entity("Dataset", request.dataset)
            if request.dataset
            else _entity("Tool", request.tool)
        )
        answer = self._cedar.is_authorized(
            {
                "principal": _entity("Identity", request.identity),
                "action": _entity("Action", request.operation or NO_OPERATION),
                "resource": resource,
                "context": _context(request),
            },
            self._policies,
            self._with_owner(request.dataset),
            self._schema,
        )
        errors = cast(list[str], answer.diagnostics.errors)
        reasons = cast(list[str], answer.diagnostics.reasons)
        named = cast(dict[str, str], answer.diagnostics.id_annotations_by_reason)
        if errors or answer.decision.value not in ("Allow", "Deny"):
            return self._decision("indeterminate", (), "; ".join(errors) or "no decision")
        ids = tuple(sorted({named.get(reason) or reason for reason in reasons}))
        if answer.decision.value == "Allow":
            return self._decision("allow", ids, "")
        return self._decision("deny", ids, "" if ids else "no policy permits it")

    def _decision(self, effect: Effect, ids: tuple[str, ...], reason: str) -> Decision:
        return Decision(
            effect=effect,
            policies=ids,
            reason=reason,
            digest=self.digest,
            data=self.data,
            engine=self.engine,
        )

    def _with_owner(self, dataset: str) -> Any:
        """The entities, with the dataset below its owner."""
        if ("Dataset", dataset) in self._declared or _UPWARDS.search(dataset):
            return self._entities
        for pattern, tenant in self._owners:
            if pattern.match(dataset):
                entity = {
                    "uid": _entity("Dataset", dataset),
                    "attrs": {},
                    "parents": [_entity("Tenant", tenant)],
                }
                return self._entities.with_added_json_str(json.dumps([entity]))
        return self._entities

    def _read(self, what: str, parse: Callable[[str], Any], text: str) -> Any:
        if len(text) > LONGEST:
            raise PolicyError(f"{what}: longer than {LONGEST} characters")
        _check_nesting(what, text)
        try:
            return parse(text)
        except ValueError as error:
            raise PolicyError(f"{what} cannot be read: {str(error)[:LONGEST_ERROR]}") from None


def _engine() -> Any:
    try:
        import cedarpy
    except ModuleNotFoundError as error:
        raise PolicyError(
            f"Cedar policies need {error.name}, which is not installed: "
            "pip install 'partywall[policy]'"
        ) from None
    return cedarpy


def _context(request: Request) -> dict[str, Any]:
    said: dict[str, Any] = {
        "dataset": request.dataset,
        "parties": list(request.parties),
        "request": request.request,
        "on_behalf_of": request.on_behalf_of,
        "actors": list(request.actors),
        "agent": request.agent,
        "approval": request.approval,
        "credential": request.credential,
        "credential_expires": request.credential_expires,
    }
    return {
        "tenant": {"__entity": _entity("Tenant", request.tenant)},
        "tool": request.tool,
        "time": request.time,
        "session": request.session,
        **{name: value for name, value in said.items() if value},
    }


def _entity(kind: str, id: str) -> dict[str, str]:
    return {"type": kind, "id": id}


def _uid(entity: Mapping[str, Any]) -> tuple[str, str]:
    uid: Any = entity.get("uid")
    if not isinstance(uid, Mapping):
        raise PolicyError(
            'entities: each has a uid, {"uid": {"type": "Dataset", "id": "..."}, ...}'
        )
    said = cast(Mapping[str, Any], uid)
    said = cast(Mapping[str, Any], said.get("__entity", said))
    return str(said.get("type")), str(said.get("id"))


def _json(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise PolicyError(f"entities are no JSON: {error}") from None


def _check_nesting(what: str, text: str) -> None:
    depth = 0
    for found in _NESTING.finditer(text):
        if found["open"]:
            depth += 1
        elif found["close"]:
            depth = max(0, depth - 1)
        else:
            depth = 0
        if depth > DEEPEST:
            raise PolicyError(f"{what}: nested deeper than {DEEPEST}; write it as several policies")


def _errors(result: Any) -> str:
    return "; ".join(str(error) for error in result.errors)[:LONGEST_ERROR]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
