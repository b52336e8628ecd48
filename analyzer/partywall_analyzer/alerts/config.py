"""The file of `partywall watch`: targets, routes and containment, checked before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self, get_type_hints

from partywall_analyzer.alerts.targets import REVOKING, TARGETS, Target
from partywall_analyzer.model import EXTERNAL, Severity
from partywall_analyzer.rules import rules
from partywall_collector.component_values import Duration, Names, Secret, about
from partywall_collector.config_document import ConfigError, Node, read_documents
from partywall_collector.config_sections import did_you_mean, mapping, refuse_unknown, section

TOP: Final = ("targets", "routes", "contain", "retry", "dashboard")
_SEVERITIES: Final = tuple(severity.value for severity in Severity)


@dataclass(frozen=True, slots=True)
class Route:
    """Which findings go to a target, and whose view of them it gets."""

    target: str = field(default="", metadata=about("The name of a target."))
    tenant: str = field(
        default="", metadata=about("The target gets this tenant's half of its findings.")
    )
    operator: bool = field(
        default=False, metadata=about("`true`: the target gets every finding, with both sides.")
    )
    severity: str = field(
        default="high", metadata=about("From this severity up.", choices=_SEVERITIES)
    )
    rules: Names = field(
        default=Names(()), metadata=about("Only findings of these rules; all if it is left out.")
    )

    def takes(self, rule: str, severity: Severity) -> bool:
        """Whether a finding is grave enough and of a rule that is asked for."""
        return severity.at_least(Severity(self.severity)) and (not self.rules or rule in self.rules)


@dataclass(frozen=True, slots=True)
class Contain:
    """When an issuer is asked to revoke the credential of a finding."""

    target: str = field(
        default="", metadata=about("The name of a `revocation` or `webhook` target.")
    )
    tenant: str = field(
        default="",
        metadata=about("Only credentials that the registry knows as this tenant's, and its half."),
    )
    severity: str = field(
        default="critical", metadata=about("From this severity up.", choices=_SEVERITIES)
    )


@dataclass(frozen=True, slots=True)
class Retry:
    """How a target that does not answer is tried again. It is never given up."""

    initial_interval: Duration = field(
        default=Duration(1.0), metadata=about("The first pause; the next ones double.")
    )
    max_interval: Duration = field(default=Duration(300.0), metadata=about("The longest pause."))


@dataclass(frozen=True, slots=True)
class AlertConfig:
    """What is sent where."""

    targets: Mapping[str, Target]
    routes: Sequence[Route]
    contain: Sequence[Contain]
    retry: Retry
    dashboard: str = ""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file; raises ConfigError, which names the line, the key and the way out."""
        return cls.read(read_documents([path], ()))

    @classmethod
    def read(cls, root: Node) -> Self:
        """The same of a document."""
        top = mapping(root, "the configuration")
        refuse_unknown(top, TOP, "")
        targets = {
            name: _target(name, node)
            for name, node in mapping(top.get("targets"), "targets").items()
        }
        routes = [_route(node, at, targets) for at, node in _listed(top, "routes")]
        contain = [_contain(node, at, targets) for at, node in _listed(top, "contain")]
        _check_audiences(root, targets, routes, contain)
        return cls(
            targets,
            routes,
            contain,
            section(Retry, top.get("retry", Node({}, root.where)), "retry"),
            _dashboard(top.get("dashboard")),
        )

    def audience(self, target: str) -> str:
        """The tenant whose half a target gets; empty for the operator."""
        named = (each for each in (*self.routes, *self.contain) if each.target == target)
        return next(named).tenant


def _target(name: str, node: Node) -> Target:
    kind, path = name.partition("/")[0], f"targets.{name}"
    if kind not in TARGETS:
        raise ConfigError(
            f"{node.where}: {path}: there is no kind of target `{kind}`; "
            f"{did_you_mean(kind, TARGETS)}"
        )
    made = section(TARGETS[kind], node, path)
    for key in made.needs:
        if not getattr(made, key):
            raise ConfigError(f"{node.where}: {path}.{key} is needed")
    hints, said = get_type_hints(TARGETS[kind]), mapping(node, path)
    for item in fields(made):
        value = getattr(made, item.name)
        if item.name in ("url", "endpoint") and not value.startswith(("http://", "https://")):
            raise ConfigError(
                f"{node.where}: {path}.{item.name} must begin with http:// or https://"
            )
        if hints[item.name] is Secret and item.name in said and not said[item.name].from_env:
            raise ConfigError(
                f"{said[item.name].where}: {path}.{item.name} is a secret: write it as "
                "`${env:NAME}` and set NAME in the environment"
            )
    problem = made.problem() if hasattr(made, "problem") else ""
    if problem:
        raise ConfigError(f"{node.where}: {path}.secret {problem}")
    return made


def _route(node: Node, at: int, targets: Mapping[str, Target]) -> Route:
    path = f"routes[{at}]"
    route: Route = section(Route, node, path)
    _check_target(route.target, node, path, targets)
    if bool(route.tenant) == route.operator or route.tenant == EXTERNAL:
        raise ConfigError(
            f"{node.where}: {path} must have either `tenant: ID`, whose half it carries, or "
            "`operator: true`"
        )
    known = [rule.id for rule in rules()]
    for name in route.rules:
        if name not in known:
            raise ConfigError(
                f"{node.where}: {path}.rules: there is no rule `{name}`; "
                f"{did_you_mean(name, known)}"
            )
    return route


def _contain(node: Node, at: int, targets: Mapping[str, Target]) -> Contain:
    path = f"contain[{at}]"
    contain: Contain = section(Contain, node, path)
    _check_target(contain.target, node, path, targets)
    if contain.target.partition("/")[0] not in REVOKING:
        raise ConfigError(
            f"{node.where}: {path}.target must be a target of kind {' or '.join(REVOKING)}"
        )
    return contain


def _check_target(name: str, node: Node, path: str, targets: Mapping[str, Target]) -> None:
    if name not in targets:
        raise ConfigError(
            f"{node.where}: {path}.target: there is no target `{name}`; "
            f"{did_you_mean(name, targets)}"
        )


def _check_audiences(
    root: Node,
    targets: Mapping[str, Target],
    routes: Sequence[Route],
    contain: Sequence[Contain],
) -> None:
    """Two tenants, or a tenant and the operator, never share a target: one would see the other."""
    for name in targets:
        uses = [each for each in (*routes, *contain) if each.target == name]
        audiences = sorted({each.tenant or "the operator" for each in uses})
        if len(audiences) > 1:
            raise ConfigError(
                f"{root.where}: targets.{name} would get what is for {' and '.join(audiences)}; "
                "make a target for each"
            )
        if not uses:
            raise ConfigError(f"{root.where}: targets.{name} is used by no route; add one")
        if name.partition("/")[0] == "revocation" and any(isinstance(use, Route) for use in uses):
            raise ConfigError(
                f"{root.where}: targets.{name} revokes credentials: name it below `contain`"
            )
        if len({type(use) for use in uses}) > 1 or sum(isinstance(u, Contain) for u in uses) > 1:
            raise ConfigError(
                f"{root.where}: targets.{name} is named twice, once or more below `contain`; "
                "make a target for each"
            )


def _listed(top: Mapping[str, Node], key: str) -> list[tuple[int, Node]]:
    node = top.get(key)
    if node is None or node.value is None:
        return []
    if not isinstance(node.value, list):
        raise ConfigError(f"{node.where}: {key} must be a list")
    return list(enumerate(node.value))


def _dashboard(node: Node | None) -> str:
    value: Any = node.value if node else ""
    if node and not (isinstance(value, str) and value.startswith(("http://", "https://"))):
        raise ConfigError(f"{node.where}: dashboard must begin with http:// or https://")
    return str(value).rstrip("/")
