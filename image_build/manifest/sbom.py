"""The SBOM: packages of an image as CycloneDX 1.5 JSON, the same bytes for the same image. Pure."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from image_build.manifest.licences import spdx
from image_build.manifest.packages import Package

SPECIFICATION = "1.5"
_NAMESPACE = uuid.UUID("6b657869-6120-4a6d-8167-6520312e3000")


@dataclass(frozen=True, slots=True)
class About:
    """The image that the packages are in."""

    name: str
    """``kexia-amd64``."""
    version: str
    built: str
    """``2026-11-25T00:00:00Z``."""
    suite: str
    digest: str
    """SHA-256 of the root."""


def sbom(about: About, packages: Sequence[Package]) -> bytes:
    """The SBOM as it is written to a file.

    Its serial number follows from the root's digest, its time is the build's, so that who builds
    again gets it again.
    """
    components = [_component(one, about.suite) for one in sorted(packages)]
    value: dict[str, object] = {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, about.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": about.built,
            "component": {
                "type": "operating-system",
                "bom-ref": "image",
                "name": about.name,
                "version": about.version,
                "hashes": [{"alg": "SHA-256", "content": about.digest}],
            },
        },
        "components": components,
        "dependencies": [
            {"ref": "image", "dependsOn": [str(one["bom-ref"]) for one in components]}
        ],
    }
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def purl(package: Package, suite: str) -> str:
    """The package URL (purl specification 1.0) of a package."""
    version = quote(package.version, safe=".-_~")
    if package.kind == "pypi":
        return f"pkg:pypi/{package.name}@{version}"
    options = f"arch={package.architecture}&distro={suite}"
    return f"pkg:deb/debian/{quote(package.name, safe='.-_~')}@{version}?{options}"


def _component(package: Package, suite: str) -> Mapping[str, object]:
    name = purl(package, suite)
    component: dict[str, object] = {
        "type": "library",
        "bom-ref": name,
        "name": package.name,
        "version": package.version,
        "purl": name,
    }
    if package.licences:
        component["licenses"] = [_licence(one) for one in package.licences]
    if package.source:
        component["properties"] = [{"name": "kexia:debian:source", "value": package.source}]
    return component


def _licence(name: str) -> Mapping[str, object]:
    known = spdx(name)
    return {"license": {"id": known} if known else {"name": name}}
