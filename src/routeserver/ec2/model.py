"""The service models: which operations exist and the shape of what goes in and comes out.

The EC2, IAM and STS models are botocore's own, read from the installed package and nowhere else
(neither ``AWS_DATA_PATH`` nor ``~/.aws/models`` change what the server understands). Only this
module knows botocore's loader and its JSON; everything beyond it works with `Shape`. A shape is
made when first asked for and then kept, so that whatever is compiled from it (parsers, writers) can
be kept by identity.

The names on the wire follow botocore's two serialisers. In a request of the ec2 protocol a member
is called by its ``queryName``, else by its ``locationName`` with a capital, else by its own name;
in an answer by its ``locationName`` as it stands. The query protocol (IAM, STS) has one name for
both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

from botocore.loaders import Loader

API_VERSIONS: Final = {"ec2": "2016-11-15", "iam": "2010-05-08", "sts": "2011-06-15"}

SERVICE_TITLES: Final = {
    "ec2": "AmazonEC2",
    "iam": "AWSIdentityManagementV20100508",
    "sts": "AWSSecurityTokenService",
}
"""How the services call themselves in their own error messages."""


class Protocol(StrEnum):
    EC2 = "ec2"
    QUERY = "query"


class Kind(StrEnum):
    STRUCTURE = "structure"
    LIST = "list"
    STRING = "string"
    INTEGER = "integer"
    LONG = "long"
    FLOAT = "float"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    BLOB = "blob"
    MAP = "map"
    """In a few IAM operations that nothing here answers; not read or written."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A type of the model; equal only to itself. Bounds are of the value, or of the length of a
    string or list."""

    name: str
    kind: Kind
    protocol: Protocol
    members: tuple[Member, ...] = ()
    element: Shape | None = None
    """What a list holds."""
    element_name: str = ""
    """The XML element around each item of a list, and its name in a query-protocol request."""
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    name: str
    """botocore's name in Python: the key in a parameter or answer dict."""
    request_name: str
    response_name: str
    required: bool
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    service: Service
    name: str
    input: Shape | None
    output: Shape | None
    result_wrapper: str | None
    """The element around the result in an answer of the query protocol."""


class Service:
    """One service model; shapes and operations are made on demand."""

    def __init__(self, name: str, description: dict[str, Any]) -> None:
        metadata = description["metadata"]
        self.name = name
        self.title = SERVICE_TITLES[name]
        self.api_version: str = metadata["apiVersion"]
        # The services' answers end the namespace in a slash; the EC2 model leaves it out.
        self.namespace: str = metadata["xmlNamespace"].rstrip("/") + "/"
        self.protocol = Protocol(metadata["protocol"])
        self._operations: dict[str, Any] = description["operations"]
        self._shapes: dict[str, Any] = description["shapes"]
        self._made_shapes: dict[str, Shape] = {}
        self._made_operations: dict[str, Operation] = {}

    @property
    def operation_names(self) -> tuple[str, ...]:
        return tuple(self._operations)

    def operation(self, name: str) -> Operation | None:
        """The operation of this name, or None when the service has none."""
        made = self._made_operations.get(name)
        if made is None and name in self._operations:
            made = self._made_operations[name] = self._make_operation(name)
        return made

    def shape(self, name: str) -> Shape:
        """The shape of this name; raises KeyError when the model has none."""
        made = self._made_shapes.get(name)
        if made is None:
            made = self._made_shapes[name] = self._make_shape(name)
        return made

    def _make_operation(self, name: str) -> Operation:
        raw = self._operations[name]
        output = raw.get("output")
        return Operation(
            service=self,
            name=name,
            input=self.shape(raw["input"]["shape"]) if "input" in raw else None,
            output=self.shape(output["shape"]) if output else None,
            result_wrapper=output.get("resultWrapper") if output else None,
        )

    def _make_shape(self, name: str) -> Shape:
        raw = self._shapes[name]
        kind = Kind(raw["type"])
        element = None
        element_name = ""
        if kind is Kind.LIST:
            element = self.shape(raw["member"]["shape"])
            default = "item" if self.protocol is Protocol.EC2 else "member"
            element_name = raw["member"].get("locationName", default)
        required = frozenset(raw.get("required", ()))
        return Shape(
            name=name,
            kind=kind,
            protocol=self.protocol,
            members=tuple(
                self._make_member(member, reference, required=member in required)
                for member, reference in raw.get("members", {}).items()
            ),
            element=element,
            element_name=element_name,
            enum=tuple(raw.get("enum", ())),
            minimum=raw.get("min"),
            maximum=raw.get("max"),
        )

    def _make_member(self, name: str, reference: dict[str, Any], *, required: bool) -> Member:
        own: str | None = self._shapes[reference["shape"]].get("locationName")
        location: str | None = reference.get("locationName", own)
        request_name = location or name
        if self.protocol is Protocol.EC2 and location:
            request_name = reference.get("queryName") or location[0].upper() + location[1:]
        return Member(
            name=name,
            request_name=request_name,
            response_name=location or name,
            required=required,
            shape=self.shape(reference["shape"]),
        )


@cache
def service(name: str) -> Service:
    """The model of ``ec2``, ``iam`` or ``sts``; the first call reads it (about a quarter of a
    second for EC2)."""
    loader = Loader(
        extra_search_paths=[Loader.BUILTIN_DATA_PATH],
        include_default_search_paths=False,
        include_default_extras=False,
    )
    description = loader.load_service_model(name, "service-2", API_VERSIONS[name])
    _drop_documentation(description)
    return Service(name, description)


def operation(service_name: str, action: str) -> Operation | None:
    """The operation `action` of ``ec2``, ``iam`` or ``sts``, or None."""
    return service(service_name).operation(action)


def _drop_documentation(description: dict[str, Any]) -> None:
    # Prose is two thirds of the model and nothing here reads it.
    for raw in (*description["operations"].values(), *description["shapes"].values()):
        raw.pop("documentation", None)
        for reference in raw.get("members", {}).values():
            reference.pop("documentation", None)
