"""The half of the stand-in that is published to: who asks, a new repository, large files beside git, and the commit that joins them."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler

from .hub_stand_in import HubStandIn, Repository, described, is_small, refuse, send, send_json

FIXED = {("api", "whoami-v2"): "whoami", ("api", "repos", "create"): "create", ("api", "validate-yaml"): "yaml"}
BATCH = ["info", "lfs", "objects", "batch"]
BEGINS = {".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"}  # what a new repository has


def place_of(parts: list[str]) -> tuple[str, str, str, list[str]] | None:
    """Route, kind and name of the repository, and what follows, of a request that belongs here."""
    if route := FIXED.get(tuple(parts)):
        return route, "models", "", []
    if parts[-4:] == BATCH:
        return "batch", "models", "/".join(parts[-6:-4]).removesuffix(".git"), []
    if parts[0] in ("stored", "verified"):
        return {"stored": "put", "verified": "verify"}[parts[0]], "models", "/".join(parts[1:3]), parts[3:]
    if parts[0] == "api" and parts[4:5] in (["preupload"], ["commit"]):
        return parts[4], parts[1], "/".join(parts[2:4]), parts[5:]
    return None


def publish(hub: HubStandIn, request: BaseHTTPRequestHandler, route: str, key: tuple[str, str], rest: list[str]) -> None:
    """Answer one step of publishing. Each but the bytes themselves, whose address is a secret of its own, needs the token of a person."""
    person = hub.people.get(request.token)
    body = json.loads(request.body) if route in ("create", "yaml", "preupload", "batch", "verify") else {}
    if route == "create":
        key = ("models", f"{body['organization'] or person and person.name}/{body['name']}")
    if route == "put":
        hub.stored[rest[0]] = request.body
        send(request, b"", {})
    elif person is None:
        refuse(request, "401")
    elif route == "whoami":
        send_json(request, {"type": "user", "name": person.name, "orgs": [{"name": name} for name in person.organisations]})
    elif route == "yaml":
        send_json(request, {"errors": [], "warnings": []})
    elif not person.writes or not person.owns(key[1]):
        refuse(request, "403")
    elif route == "create":
        _create(hub, request, key, body)
    elif (repository := hub.repositories.get(key)) is None:
        refuse(request, "404")
    elif route == "preupload":
        send_json(request, {"files": [_mode(repository, file["path"]) for file in body["files"]]})
    elif route == "batch":
        send_json(request, {"transfer": "basic", "objects": [_where(hub, key, wanted) for wanted in body["objects"]]})
    elif route == "verify":
        stored = hub.stored.get(body["oid"], b"")
        whole = hashlib.sha256(stored).hexdigest() == body["oid"] and len(stored) == body["size"]
        send_json(request, {}, 200 if whole else 422)
    else:
        _commit(hub, request, key[1], repository)


def _create(hub: HubStandIn, request: BaseHTTPRequestHandler, key: tuple[str, str], body: dict) -> None:
    if key in hub.repositories:
        refuse(request, "409")
        return
    hub.repositories[key] = Repository(BEGINS, private=body.get("visibility") == "private")
    send_json(request, {"url": f"{hub.url}/{key[1]}", "id": key[1]})


def _mode(repository: Repository, path: str) -> dict:
    entry = described(path, repository.files[path]) if path in repository.files else {}
    known = entry["lfs"]["oid"] if "lfs" in entry else entry.get("oid")
    return {"path": path, "uploadMode": "regular" if is_small(path) else "lfs", "shouldIgnore": False, "oid": known}


def _where(hub: HubStandIn, key: tuple[str, str], wanted: dict) -> dict:
    if wanted["oid"] in hub.stored:
        return wanted
    return wanted | {"actions": {"upload": {"href": f"{hub.url}/stored/{key[1]}/{wanted['oid']}"}, "verify": {"href": f"{hub.url}/verified/{key[1]}"}}}


def _commit(hub: HubStandIn, request: BaseHTTPRequestHandler, name: str, repository: Repository) -> None:
    """The lines of a commit: a header, then one for each file."""
    lines = [json.loads(line) for line in request.body.splitlines()]
    files = dict(repository.files)
    for line in lines[1:]:
        value = line["value"]
        if line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            files[value["path"]] = hub.stored[value["oid"]]
        elif line["key"] == "deletedFile":
            del files[value["path"]]
    if lines[0]["value"].get("parentCommit") not in (None, repository.commit):
        refuse(request, "412")
        return
    repository.put(files)
    send_json(request, {"success": True, "commitUrl": f"{hub.url}/{name}/commit/{repository.commit}", "commitOid": repository.commit})
