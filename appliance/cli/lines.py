"""What the box's commands say to a person: the same values a script gets, as lines."""

from collections.abc import Iterable, Mapping

from appliance.cli.output import size

Value = Mapping[str, object]


def offered_lines(value: Value) -> Iterable[str]:
    """What can be subscribed to."""
    for item in objects(value, "collections"):
        mark = "✓" if item["subscribed"] else " "
        room = count(item, "size")
        yield f"{mark} {item['id']:<32} {size(room):>9}  {item['lessons']:>4} 课  {item['title']}"
    for item in objects(value, "publishers"):
        yield f"  {item['code']:<32} {item['name']} (its collections: {item['code']}/…)"
    yield from problem_lines(value)


def plan_lines(value: Value) -> Iterable[str]:
    """What a sync would do."""
    for item in objects(value, "collections"):
        fetch, reused = count(item, "bytes_to_fetch"), count(item, "bytes_reused")
        yield (
            f"{item['id']} edition {item['edition']}: {item['files']} files, "
            f"{size(fetch)} to fetch, {size(reused)} reused"
        )
    yield from (f"{item} leaves this box" for item in texts(value, "removed"))
    fetch, room = count(value, "bytes_to_fetch"), count(value, "room_needed")
    yield f"together {size(fetch)} in {value['requests']} requests; {size(room)} of room needed"
    yield from problem_lines(value)


def sync_lines(value: Value) -> Iterable[str]:
    """What a sync did."""
    editions = value["editions"]
    for name, edition in (editions if isinstance(editions, dict) else {}).items():
        yield f"{name}: edition {edition}"
    yield from (f"{item} has left this box" for item in texts(value, "removed"))
    fetched = count(value, "bytes_fetched") + count(value, "metadata_bytes")
    cost = f"{size(fetched)} in {value['requests']} requests, {value['seconds']} s"
    new = "nothing new" if not value["new_generation"] else f"generation {value['generation']}"
    next_door = count(value, "peer_bytes")
    yield f"{new} ({cost}" + (f", {size(next_door)} from next door)" if next_door else ")")
    yield from problem_lines(value)


def rollback_lines(value: Value) -> Iterable[str]:
    """What is served and held now."""
    editions, holds = value["editions"], value["holds"]
    yield f"generation {value['generation']} is served"
    for name, edition in (editions if isinstance(editions, dict) else {}).items():
        yield f"{name}: edition {edition}" if edition else f"{name} has left this box"
    for name, edition in (holds if isinstance(holds, dict) else {}).items():
        yield f"held: {name} edition {edition}, until released or a newer one comes"


def status_lines(value: Value) -> Iterable[str]:
    """The box at one glance."""
    yield f"{value['name']}: generation {value['generation']}, {value['lessons']} lessons"
    for item in objects(value, "collections"):
        held = "  held" if item["held"] else ""
        room = count(item, "size")
        some = item["lessons"] != item["all_lessons"]
        part = f"  {item['lessons']} of {item['all_lessons']} lessons" if some else ""
        coming = f"  edition {item['coming']} is coming in" if item["coming"] else ""
        yield (
            f"  {item['id']} edition {item['edition']}  {size(room)}  {item['title']}"
            f"{part}{coming}{held}"
        )
    yield from (f"  {item}: not here yet" for item in texts(value, "missing"))
    for item in objects(value, "publishers"):
        yield f"publisher {item['code']} {item['name']}: signed {item['signed_at']}"
    kept = ", ".join(texts(value, "other_generations"))
    yield f"kept to roll back to: {f'generation {kept}' if kept else 'nothing'}"
    yield f"free: {size(int(str(value['free'])))}"
    yield from _peers_in_status(value.get("peers"))
    yield from line_lines(value)
    yield f"box: {value.get('box') or 'no id yet, it gets one with its first papers'}"
    sent = value.get("back")
    if isinstance(sent, dict):
        readers = ", ".join(map(str, sent.get("recipients") or ()))
        yield f"reports go to: {readers or 'nobody, so none are made'}"
        if sent.get("problem"):
            yield f"warning: {sent['problem']}"
    state = value.get("update")
    if isinstance(state, dict):
        doing = "paused" if state["paused"] else state["doing"] or "waiting"
        yield f"update process: {doing}"
    else:
        yield "update process: not running"
    for item in objects(value, "sticks"):
        yield from stick_lines(item)
    yield from (f"warning: {item}" for item in texts(value, "warnings"))


def _peers_in_status(value: object) -> Iterable[str]:
    if isinstance(value, dict) and (value["serve"] or value["use"]):
        yield f"neighbours: served {_yes(value['serve'])}, used {_yes(value['use'])}"
        for item in objects(value, "refused"):
            yield f"  set aside until {item['until']}: {item['peer']}: {item['reason']}"


def peer_lines(value: Value) -> Iterable[str]:
    """Boxes next door."""
    yield f"this box as a peer: {value['peer']}, takes from neighbours: {_yes(value['use'])}, " + (
        f"serves them: {_yes(value['serve'])}"
    )
    yield f"looked on: {', '.join(texts(value, 'interfaces')) or 'no interface that is allowed'}"
    for item in objects(value, "peers"):
        yield f"  {item['peer']}  {item['url']}  by {item['interface']}"
    for item in objects(value, "passed"):
        yield f"  passed over: {item['name']}: {item['reason']}"
    for item in objects(value, "refused"):
        yield f"  set aside until {item['until']}: {item['peer']}: {item['reason']}"
    if not objects(value, "peers"):
        yield "no neighbour found"


def _yes(value: object) -> str:
    return "yes" if value else "no"


def line_lines(value: Value) -> Iterable[str]:
    """What makes the line a metered one, and how the last sync ended."""
    line, last = value.get("line"), value.get("last_sync")
    if isinstance(line, dict) and line["metered"]:
        yield (
            f"line: a phone on USB ({line['interface']}, {line['driver']}), "
            f"at most {line['metered_mib']} MiB a night"
        )
    if isinstance(last, dict):
        yield f"last sync: {last.get('at')}, exit code {last.get('exit_code')}"


def stick_lines(item: Value) -> Iterable[str]:
    """One stick: how far it is, what that means and what to do, in both languages."""
    label = f" {item['label']}" if item["label"] else ""
    total, left = count(item, "total"), item.get("seconds_left")
    part = ""
    if item["phase"] == "importing" and total:
        part = f"  {size(count(item, 'done'))} of {size(total)}"
        part += f", {left} s left" if isinstance(left, int) else ""
    yield f"stick {item['name']}{label}: {item['phase']}{part}"
    what, do = item["what"], item["do"]
    if isinstance(what, dict) and isinstance(do, dict):
        yield from (f"  {text} → {do[language]}" for language, text in what.items())
    if item["detail"]:
        yield f"  ({item['detail']})"


def search_lines(value: Value) -> Iterable[str]:
    """Lessons found."""
    yield f"{value['total']} lessons"
    for item in objects(value, "hits"):
        yield f"{item['key']:<32} {item['title']}  {item['textbook']}"


def problem_lines(value: Value) -> Iterable[str]:
    """Notes and problems, each with what to do."""
    yield from (f"note: {item}" for item in texts(value, "notes"))
    for item in objects(value, "problems"):
        where = f"publisher {item['publisher']}: " if item["publisher"] else ""
        hint = f"\n  → {item['hint']}" if item["hint"] else ""
        yield f"problem: {where}{item['error']}{hint}"


def objects(value: Value, name: str) -> list[dict[str, object]]:
    """A list of objects of the value."""
    items = value.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def texts(value: Value, name: str) -> list[str]:
    """A list of texts of the value."""
    items = value.get(name)
    return [str(item) for item in items] if isinstance(items, list) else []


def count(value: Value, name: str) -> int:
    """A number of the value; 0 if it has none of that name."""
    item = value.get(name)
    return item if isinstance(item, int) else 0
