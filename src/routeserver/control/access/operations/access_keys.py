"""Access keys of users (IAM API 2010-05-08). A secret is shown once and kept sealed."""

from __future__ import annotations

from base64 import b32encode, b64encode
from dataclasses import replace
from typing import Final

from routeserver.control.access import lookup
from routeserver.control.access.directory import ACTIVE
from routeserver.control.access.entities import Entity
from routeserver.control.call import Answer, Call, Params
from routeserver.store import AccessKey

KEY_PREFIX: Final = "AKIA"
MAX_KEYS: Final = 2


async def create_access_key(call: Call, params: Params) -> Answer:
    user = await lookup.find_user(call, params)
    if len(await call.tx.iam(call.account_id).keys_of(user.name)) >= MAX_KEYS:
        raise lookup.limit_exceeded("AccessKeysPerUser", MAX_KEYS)
    key_id = KEY_PREFIX + b32encode(call.random_bytes(10)).decode()
    secret = b64encode(call.random_bytes(30)).decode()
    key = AccessKey(
        access_key_id=key_id,
        secret=call.seal.seal(secret, key_id),
        account_id=call.account_id,
        user_id=user.id,
        principal_arn=user.arn,
        user_name=user.name,
        created_at=call.now,
    )
    await call.tx.put_access_key(key)
    return {
        "AccessKey": {
            "UserName": user.name,
            "AccessKeyId": key_id,
            "Status": ACTIVE,
            "SecretAccessKey": secret,
            "CreateDate": call.now,
        }
    }


async def list_access_keys(call: Call, params: Params) -> Answer:
    user = await lookup.find_user(call, params)
    keys = await call.tx.iam(call.account_id).keys_of(user.name)

    def view(key: AccessKey) -> Answer:
        return {
            "UserName": user.name,
            "AccessKeyId": key.access_key_id,
            "Status": key.status,
            "CreateDate": key.created_at,
        }

    return lookup.page(keys, params, "AccessKeyMetadata", lambda key: key.access_key_id, view)


async def update_access_key(call: Call, params: Params) -> Answer:
    key = await _find(call, await lookup.find_user(call, params), params["AccessKeyId"])
    await call.tx.put_access_key(replace(key, status=params["Status"]))
    return {}


async def delete_access_key(call: Call, params: Params) -> Answer:
    key = await _find(call, await lookup.find_user(call, params), params["AccessKeyId"])
    await call.tx.iam(call.account_id).delete_key(key.access_key_id)
    return {}


async def get_access_key_last_used(call: Call, params: Params) -> Answer:
    """Deviation: use is not recorded by key but in the audit trail; the answer is Amazon's for a
    key that was never used."""
    key = await call.tx.access_key(params["AccessKeyId"])
    if key is None or key.account_id != call.account_id or key.user_name is None:
        raise lookup.no_such_entity(f"The Access Key with id {params['AccessKeyId']}")
    never = {"ServiceName": "N/A", "Region": "N/A"}
    return {"UserName": key.user_name, "AccessKeyLastUsed": never}


async def _find(call: Call, user: Entity, key_id: str) -> AccessKey:
    for key in await call.tx.iam(call.account_id).keys_of(user.name):
        if key.access_key_id == key_id:
            return key
    raise lookup.no_such_entity(f"The Access Key with id {key_id}")
