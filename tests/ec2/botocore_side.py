"""botocore as the client it is: its models, its serialiser, its parser, and values of any of its
shapes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import strategies as st

from routeserver.control.registry import OPERATIONS

SERVICES: Final = ("ec2", "sts")
"""Those of whose models everything can be said; of IAM's, what is answered here."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT: Final = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc"),
        exclude_characters="\ufffe\uffff",
        include_characters="\n\t\r",
    )
)


@cache
def client_model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def operations_of_this_server() -> list[tuple[str, str]]:
    """(service, operation) of everything that is answered here."""
    return [(service, name) for service, each in OPERATIONS.items() for name in sorted(each)]


def client_operation(service: str, name: str) -> OperationModel:
    return client_model(service).operation_model(name)


def serialized(service: str, name: str, params: dict[str, Any]) -> bytes:
    """The form body that botocore sends for these parameters."""
    serializer = create_serializer(
        client_model(service).metadata["protocol"], include_validation=False
    )
    request = serializer.serialize_to_request(params, client_operation(service, name))
    return urlencode(request["body"]).encode("ascii")


def parsed(service: str, name: str, body: bytes, status: int = 200) -> dict[str, Any]:
    """What botocore makes of an answer."""
    parser = create_parser(client_model(service).metadata["protocol"])
    response = {"body": body, "headers": {}, "status_code": status}
    result: dict[str, Any] = parser.parse(response, client_operation(service, name).output_shape)
    return result


def requests(shape: Shape) -> st.SearchStrategy[Any]:
    """Values that a client can say: the query protocols have no empty structure or list."""
    return _values(shape, is_request=True)


def answers(shape: Shape) -> st.SearchStrategy[Any]:
    return _values(shape, is_request=False)


def _values(shape: Shape, *, is_request: bool, is_root: bool = True) -> st.SearchStrategy[Any]:
    if shape.type_name == "structure":
        return _structures(shape, is_request=is_request, is_root=is_root)
    if shape.type_name == "list":
        least = max(shape.metadata.get("min", 0), 1 if is_request else 0)
        most = max(least, min(shape.metadata.get("max", 3), 3))
        element = _values(shape.member, is_request=is_request, is_root=False)
        return st.lists(element, min_size=least, max_size=most)
    if shape.type_name == "string" and shape.enum:
        return st.sampled_from(shape.enum)
    return _scalars(shape.type_name, shape.metadata.get("min"), shape.metadata.get("max"))


def _scalars(type_name: str, low: int | None, high: int | None) -> st.SearchStrategy[Any]:
    match type_name:
        case "string":
            return _TEXT.map(lambda text: (text + "x" * (low or 0))[: high or 60])
        case "integer" | "long":
            most = 1 << (31 if type_name == "integer" else 63)
            return st.integers(-most if low is None else low, most - 1 if high is None else high)
        case "float" | "double":
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "timestamp":
            milliseconds = st.integers(0, 4_102_444_800_000)
            return milliseconds.map(lambda ms: _EPOCH + timedelta(milliseconds=ms))
        case "blob":
            return st.binary(max_size=20)
        case other:
            raise AssertionError(f"no values of type {other}")


@cache
def _structures(shape: Shape, *, is_request: bool, is_root: bool) -> st.SearchStrategy[Any]:
    @st.composite
    def draw_structure(draw: st.DrawFn) -> dict[str, Any]:
        required = [name for name in shape.members if is_request and name in shape.required_members]
        optional = [name for name in shape.members if name not in required]
        least = 1 if optional and not required and not is_root and is_request else 0
        chosen = (
            draw(st.lists(st.sampled_from(optional), min_size=least, max_size=4, unique=True))
            if optional
            else []
        )
        return {
            name: draw(_values(shape.members[name], is_request=is_request, is_root=False))
            for name in (*required, *chosen)
        }

    return draw_structure()
