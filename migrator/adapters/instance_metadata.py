"""Which instance of EC2 this host is: its network interface and its private address.

Source: EC2 user guide, "Use the Instance Metadata Service to access instance metadata" (version 2:
a token by PUT; ``local-ipv4``, ``ipv6``, ``network/interfaces/macs/MAC/interface-id``). The service
is of this host alone, so that no proxy is asked.
"""

import http.client
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from migrator.model.security_groups import OwnHost

# There is no answer outside AWS, and in a pod the answer does not arrive (hop limit 1).
_SECONDS = 1.0
_LONGEST = 256
_LIFETIME = "60"
_ENDPOINTS = {"ipv4": "http://169.254.169.254", "ipv6": "http://[fd00:ec2::254]"}


def own_host(environment: Mapping[str, str]) -> OwnHost | None:
    """The machine as an instance; None where it is none, or where it is not known. The variables
    are those of the AWS SDKs (AWS SDKs and Tools reference, "IMDS client").
    """
    if environment.get("AWS_EC2_METADATA_DISABLED", "").strip().lower() == "true":
        return None
    mode = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv4").lower()
    endpoint = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _ENDPOINTS.get(mode, "")
    parts = urlsplit(endpoint)
    if parts.scheme != "http" or not parts.netloc:
        return None
    connection = http.client.HTTPConnection(parts.netloc, timeout=_SECONDS)
    try:
        return _asked(connection)
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _asked(connection: http.client.HTTPConnection) -> OwnHost | None:
    """The answers of the service, on one connection."""
    lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": _LIFETIME}
    token = _text(connection, "PUT", "api/token", lifetime)
    # Another service of this address, of another cloud, has no tokens.
    if token is None:
        return None
    given = {"X-aws-ec2-metadata-token": token}
    address = _text(connection, "GET", "meta-data/local-ipv4", given)
    # An instance of an IPv6-only subnet has no IPv4 address.
    address = address or _text(connection, "GET", "meta-data/ipv6", given)
    mac = _text(connection, "GET", "meta-data/mac", given)
    if address is None or mac is None:
        return None
    place = f"meta-data/network/interfaces/macs/{mac}/interface-id"
    interface = _text(connection, "GET", place, given)
    return OwnHost(str(ip_address(address)), interface or "")


def _text(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: Mapping[str, str],
) -> str | None:
    """One answer as a word; None for another status, and for what is no word."""
    connection.request(method, f"/latest/{path}", headers=dict(headers))
    answer = connection.getresponse()
    text = answer.read(_LONGEST).decode("ascii").strip()
    if answer.status != 200 or not text or any(each.isspace() for each in text):
        return None
    return text
