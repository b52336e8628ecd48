"""Whose the datasets of calls are, as the registry says, and which calls are at another's."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from partywall_analyzer.dirty import News
from partywall_collector.registry import DatasetOwner, Registry
from partywall_collector.store import Store, statement

_SQL: Final = "partywall_analyzer.sql"


class Datasets:
    """The datasets that calls touch, by the tenant of the call.

    Names are only added: where calls were erased, an analysis is a whole one and begins anew.
    """

    def __init__(self) -> None:
        self._named: dict[tuple[str, str], None] = {}
        self.owners: dict[str, dict[str, Any]] = {}
        """The rows of those that belong to a tenant, by name."""
        self.commons: set[str] = set()
        """The names of those that everybody may use."""
        self.strangers: list[dict[str, Any]] = []
        """Each tenant whose calls touch a dataset of another one, with the dataset."""

    def update(self, store: Store, registry: Registry, news: News | None) -> None:
        """Look up what new calls touch; without news, what all of them touch."""
        loads: Mapping[str, Any] = {"everything": news is None, "new_calls": []}
        if news:
            loads = {"everything": False, "new_calls": news.parameters["new_calls"]}
        rows = store.rows(statement(_SQL, "named_datasets"), loads)
        found = dict.fromkeys((row["tenant_id"], row["id"]) for row in rows)
        if news and DatasetOwner.kind in news.records:
            self.owners, self.commons, self.strangers = {}, set(), []
            self._look_up(registry, self._named | found)
        else:
            self._look_up(registry, found.keys() - self._named.keys())
        self._named |= found

    def _look_up(self, registry: Registry, named: Iterable[tuple[str, str]]) -> None:
        for tenant, name in named:
            owner = registry.owner(name)
            if owner and owner.ownership == "tenant":
                self.owners[name] = {
                    "id": name,
                    "owner": owner.tenant,
                    "sensitive": owner.sensitive,
                }
                if owner.tenant != tenant:
                    self.strangers.append({"tenant_id": tenant, "id": name})
            elif owner and owner.ownership == "commons":
                self.commons.add(name)
