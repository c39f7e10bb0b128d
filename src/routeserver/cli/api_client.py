"""A client of the HTTP API with a root's access key, as an AWS client would be."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

from routeserver.app.data_dir import read_root_key, read_server_info
from routeserver.app.errors import StartError
from routeserver.ec2.model import API_VERSIONS
from routeserver.ec2.sigv4 import signed_headers

TIMEOUT_S: Final = 30.0
REGION: Final = "us-east-1"


class ApiClient:
    """`key` is an access key and its secret; by default the data directory's root key. Raises
    StartError, with a sentence for the user, from everything."""

    def __init__(self, data_dir: Path, service: str, key: tuple[str, str] | None = None) -> None:
        root, info = read_root_key(data_dir), read_server_info(data_dir)
        if root is None or info is None:
            raise StartError(
                f"no server has been started on {data_dir}; "
                "start one with routeserver serve, or name its directory with --data-dir"
            )
        self._key = key or (root.access_key_id, root.secret_access_key)
        self._url = info.endpoint_url
        self._service = service

    def __call__(self, action: str, params: Mapping[str, str]) -> ET.Element:
        """The answer, its element names without their namespace."""
        form = {"Action": action, "Version": API_VERSIONS[self._service], **params}
        body = urlencode(form).encode()
        host = urlsplit(self._url).netloc
        headers = signed_headers(host, body, self._key, (REGION, self._service), time.time())
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        headers["User-Agent"] = "routeserver"
        connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
        try:
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            text = response.read()
        except OSError as error:
            raise StartError(
                f"the server at {self._url} does not answer; start it with routeserver serve"
            ) from error
        finally:
            connection.close()
        answer = _without_namespace(text)
        if response.status != 200:
            raise StartError(answer.findtext(".//Message") or f"the server said {response.status}")
        return answer


def _without_namespace(text: bytes) -> ET.Element:
    try:
        root = ET.fromstring(text)  # noqa: S314 - our own server's
    except ET.ParseError as error:
        raise StartError("what answers there is no routeserver; check --data-dir") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
