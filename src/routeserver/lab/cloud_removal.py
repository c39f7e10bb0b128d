"""Taking a lab out of a server that goes on without it: everything that bears the lab's tag, in
Amazon's order. What is gone already is no trouble; the tags say what is left, not the journal, so
nothing is forgotten that a crash kept from being written down."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree import ElementTree as ET

from routeserver.app.errors import StartError
from routeserver.lab.cloud import LOOK_S, TAG, WAIT_S
from routeserver.lab.errors import LabError
from routeserver.lab.interfaces import Api, Operator

Found = Mapping[str, Sequence[str]]


def remove(api: Api, operator: Operator, token: str) -> int:
    """How many resources. Raises StartError with what the server will not let go."""
    found = _tagged(api, token)
    _delete(api, found, "route-server-peer", "DeleteRouteServerPeer", "RouteServerPeerId")
    for server in found["route-server"]:
        _disable_propagations(api, server)
    for endpoint in found["route-server-endpoint"]:
        _patiently(api, "DeleteRouteServerEndpoint", {"RouteServerEndpointId": endpoint})
    for server in found["route-server"]:
        _disassociate(api, server)
        _patiently(api, "DeleteRouteServer", {"RouteServerId": server})
    for eni in found["network-interface"]:
        _unplug(operator, eni)
    _delete(api, found, "network-interface", "DeleteNetworkInterface", "NetworkInterfaceId")
    for table in found["route-table"]:
        _let_go(api, table)
    _delete(api, found, "subnet", "DeleteSubnet", "SubnetId")
    _delete(api, found, "route-table", "DeleteRouteTable", "RouteTableId")
    for gateway in found["internet-gateway"]:
        _detach(api, gateway)
    _delete(api, found, "internet-gateway", "DeleteInternetGateway", "InternetGatewayId")
    _delete(api, found, "vpc", "DeleteVpc", "VpcId")
    return sum(map(len, found.values()))


def _tagged(api: Api, token: str) -> Found:
    filters = {
        "Filter.1.Name": "key",
        "Filter.1.Value.1": TAG,
        "Filter.2.Name": "value",
        "Filter.2.Value.1": token,
    }
    found: defaultdict[str, list[str]] = defaultdict(list)
    for item in api("DescribeTags", filters).iterfind("tagSet/item"):
        found[item.findtext("resourceType") or ""].append(item.findtext("resourceId") or "")
    return found


def _delete(api: Api, found: Found, kind: str, action: str, key: str) -> None:
    for each in found[kind]:
        _patiently(api, action, {key: each})


def _patiently(api: Api, action: str, params: Mapping[str, str]) -> ET.Element | None:
    """Again while something else is still on its way out. None when it is gone already."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            return api(action, params)
        except StartError as error:
            if _is_gone(error):
                return None
            if time.monotonic() > deadline:
                raise LabError(
                    f"{action} is refused: {error}; remove what is in the way, and run "
                    "routeserver lab down again"
                ) from error
        time.sleep(LOOK_S)


_GONE: Final = ("does not exist", "invalid state: delet", "not associated")


def _is_gone(error: StartError) -> bool:
    said = str(error).lower()
    return any(words in said for words in _GONE)


def _disable_propagations(api: Api, server: str) -> None:
    params = {"RouteServerId": server}
    answer = _patiently_or_none(api, "GetRouteServerPropagations", params)
    for item in answer.iterfind("routeServerPropagationSet/item") if answer is not None else ():
        table = item.findtext("routeTableId") or ""
        _patiently(api, "DisableRouteServerPropagation", {**params, "RouteTableId": table})


def _disassociate(api: Api, server: str) -> None:
    params = {"RouteServerId": server}
    answer = _patiently_or_none(api, "GetRouteServerAssociations", params)
    for item in answer.iterfind("routeServerAssociationSet/item") if answer is not None else ():
        vpc = item.findtext("vpcId") or ""
        _patiently(api, "DisassociateRouteServer", {**params, "VpcId": vpc})


def _patiently_or_none(api: Api, action: str, params: Mapping[str, str]) -> ET.Element | None:
    """An empty list is an error of these calls."""
    try:
        return api(action, params)
    except StartError:
        return None


def _unplug(operator: Operator, eni: str) -> None:
    try:
        operator.ask("detach", eni=eni)
    except StartError:
        return  # it is plugged into nothing


def _let_go(api: Api, table: str) -> None:
    answer = _patiently_or_none(api, "DescribeRouteTables", {"RouteTableId.1": table})
    if answer is None:
        return
    for item in answer.iterfind("routeTableSet/item/associationSet/item"):
        association = item.findtext("routeTableAssociationId") or ""
        _patiently(api, "DisassociateRouteTable", {"AssociationId": association})


def _detach(api: Api, gateway: str) -> None:
    params = {"InternetGatewayId": gateway}
    answer = _patiently_or_none(api, "DescribeInternetGateways", {"InternetGatewayId.1": gateway})
    for item in answer.iterfind(".//attachmentSet/item") if answer is not None else ():
        vpc = item.findtext("vpcId") or ""
        _patiently(api, "DetachInternetGateway", {**params, "VpcId": vpc})
