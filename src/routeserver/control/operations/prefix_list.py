"""Managed prefix lists (EC2 API 2016-11-15): named blocks of addresses that routes and security
group rules can refer to.

Every change of the entries makes a version; the older ones stay readable and can be restored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from routeserver.control import idempotency, tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe
from routeserver.control.lookup import find
from routeserver.control.ownership import owned
from routeserver.control.prefix_lists import entries_of, referrers_of, version_id
from routeserver.control.unsupported import refuse_unsupported
from routeserver.domain import prefix_lists as rules
from routeserver.domain import vpc_rules
from routeserver.domain.network import ManagedPrefixList, PrefixListVersion
from routeserver.domain.refusal import Refusal
from routeserver.ec2.filters import compile_filters
from routeserver.ec2.paging import page as page_of

FILTERS: Final[dict[str, Column[ManagedPrefixList]]] = {
    "owner-id": lambda row: row.account_id,
    "prefix-list-id": lambda row: row.id,
    "prefix-list-name": lambda row: row.name,
}

COMPLETE: Final = "create-complete"


async def create_managed_prefix_list(call: Call, params: Params) -> Answer:
    row = await idempotency.once(call, params, ManagedPrefixList)
    if row is not None:
        tags = (await call.tx.tags_of([row.id]))[row.id]
        return {"PrefixList": _view(row, tags, "create-in-progress")}
    family = rules.check_family(params["AddressFamily"])
    row = ManagedPrefixList(
        id=call.new_id("pl"),
        name=rules.check_name(params["PrefixListName"]),
        address_family=family,
        max_entries=rules.check_size(
            params["MaxEntries"], call.policy.quotas.entries_per_prefix_list
        ),
        version=1,
        **owned(call),
    )
    add = _added(params.get("Entries", ()), family)
    entries = rules.edited({}, add=add, remove=(), max_entries=row.max_entries)
    await call.tx.insert(row, _version(call, row, entries))
    tags = await tagging.tag_on_create(call, params, row)
    await idempotency.remember(call, params, row)
    return {"PrefixList": _view(row, tags, "create-in-progress")}


def _added(given: Any, family: str) -> list[tuple[str, str]]:
    added = []
    for item in given:
        if "Cidr" not in item:
            raise Refusal("MissingParameter", "Each entry must contain the parameter Cidr")
        description = rules.check_description(item.get("Description", ""))
        added.append((rules.check_block(item["Cidr"], family), description))
    return added


def _version(call: Call, row: ManagedPrefixList, entries: Mapping[str, str]) -> PrefixListVersion:
    return PrefixListVersion(
        id=version_id(row.id, row.version),
        prefix_list_id=row.id,
        version=row.version,
        entries=rules.as_texts(entries),
        **owned(call),
    )


def _view(row: ManagedPrefixList, tags: Mapping[str, str], state: str = COMPLETE) -> Answer:
    return {
        "PrefixListId": row.id,
        "PrefixListArn": f"arn:aws:ec2:{row.region}:{row.account_id}:prefix-list/{row.id}",
        "PrefixListName": row.name,
        "AddressFamily": row.address_family,
        "MaxEntries": row.max_entries,
        "Version": row.version,
        "State": state,
        "OwnerId": row.account_id,
        "Tags": tagging.tag_list(tags),
    }


async def describe_managed_prefix_lists(call: Call, params: Params) -> Answer:
    page = await describe(call, params, ManagedPrefixList, "PrefixListIds", FILTERS)
    return page.answer("PrefixLists", _view)


async def describe_prefix_lists(call: Call, params: Params) -> Answer:  # noqa: ARG001 - the same for every account
    """The lists of Amazon's own services; there are none of them here."""
    compile_filters(params.get("Filters", ()), ("prefix-list-id", "prefix-list-name"))
    for list_id in params.get("PrefixListIds", ()):
        raise Refusal(
            "InvalidPrefixListId.NotFound", f"The prefix list ID '{list_id}' does not exist"
        )
    return {"PrefixLists": []}


async def get_managed_prefix_list_entries(call: Call, params: Params) -> Answer:
    row = await find(call, ManagedPrefixList, params["PrefixListId"])
    version = params.get("TargetVersion", row.version)
    entries = await _entries_at(call, row, version)
    # In the order of the blocks' text: one that stays when entries come and go.
    shown, token = page_of(
        sorted(entries.items()),
        key=lambda entry: (entry[0],),
        max_results=params.get("MaxResults"),
        next_token=params.get("NextToken"),
    )
    answer: Answer = {
        "Entries": [
            {"Cidr": block, **({"Description": text} if text else {})} for block, text in shown
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


async def _entries_at(call: Call, row: ManagedPrefixList, version: int) -> dict[str, str]:
    found = await call.tx.get(PrefixListVersion, version_id(row.id, version))
    if found is None:
        raise Refusal(
            "InvalidPrefixListVersion.NotFound",
            f"The prefix list '{row.id}' has no version {version}; it is at {row.version}.",
        )
    return rules.from_texts(found.entries)


async def modify_managed_prefix_list(call: Call, params: Params) -> Answer:
    """Entries and the size change in requests of their own, as on EC2."""
    refuse_unsupported(
        params, {"IpamPrefixListResolverSyncEnabled": "there are no address pools here"}
    )
    row = await find(call, ManagedPrefixList, params["PrefixListId"])
    changes: dict[str, Any] = {}
    if "PrefixListName" in params:
        changes["name"] = rules.check_name(params["PrefixListName"])
    entries = await entries_of(call.tx, row)
    edits = bool(params.get("AddEntries") or params.get("RemoveEntries"))
    if "MaxEntries" in params:
        if edits:
            raise Refusal(
                "InvalidParameterCombination",
                "MaxEntries cannot be changed together with the entries.",
            )
        limit = call.policy.quotas.entries_per_prefix_list
        size = rules.check_size(params["MaxEntries"], limit)
        rules.edited(entries, add=(), remove=(), max_entries=size)
        changes["max_entries"] = size
    if edits:
        _require_version(row, params.get("CurrentVersion"))
        entries = rules.edited(
            entries,
            add=_added(params.get("AddEntries", ()), row.address_family),
            remove=[
                block for block, _ in _added(params.get("RemoveEntries", ()), row.address_family)
            ],
            max_entries=row.max_entries,
        )
        changes["version"] = row.version + 1
    row = await call.tx.update(row, **changes)
    if edits:
        await call.tx.insert(_version(call, row, entries))
    tags = (await call.tx.tags_of([row.id]))[row.id]
    return {"PrefixList": _view(row, tags, "modify-in-progress")}


def _require_version(row: ManagedPrefixList, current: int | None) -> None:
    if current is None:
        raise Refusal("MissingParameter", "The request must contain the parameter CurrentVersion")
    if current != row.version:
        raise Refusal(
            "PrefixListVersionMismatch",
            f"The prefix list has the incorrect version number: '{row.id}' is at {row.version}, "
            f"not {current}.",
        )


async def restore_managed_prefix_list_version(call: Call, params: Params) -> Answer:
    row = await find(call, ManagedPrefixList, params["PrefixListId"])
    _require_version(row, params["CurrentVersion"])
    entries = await _entries_at(call, row, params["PreviousVersion"])
    rules.edited(entries, add=(), remove=(), max_entries=row.max_entries)
    row = await call.tx.update(row, version=row.version + 1)
    await call.tx.insert(_version(call, row, entries))
    tags = (await call.tx.tags_of([row.id]))[row.id]
    return {"PrefixList": _view(row, tags, "restore-in-progress")}


async def delete_managed_prefix_list(call: Call, params: Params) -> Answer:
    row = await find(call, ManagedPrefixList, params["PrefixListId"])
    for referrer in await referrers_of(call.tx, row):
        raise vpc_rules.in_use("prefixList", row.id, f"{referrer} refers to it")
    for version in await call.tx.list(PrefixListVersion, prefix_list_id=row.id):
        await call.tx.delete(version)
    tags = (await call.tx.tags_of([row.id]))[row.id]
    await call.tx.delete(row)
    return {"PrefixList": _view(row, tags, "delete-in-progress")}


async def get_managed_prefix_list_associations(call: Call, params: Params) -> Answer:
    row = await find(call, ManagedPrefixList, params["PrefixListId"])
    shown, token = page_of(
        await referrers_of(call.tx, row),
        key=lambda referrer: (referrer,),
        max_results=params.get("MaxResults"),
        next_token=params.get("NextToken"),
    )
    answer: Answer = {
        "PrefixListAssociations": [
            {"ResourceId": referrer, "ResourceOwner": row.account_id} for referrer in shown
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer
