"""Whether two configurations are of one run, and in what they differ."""

import json
import zlib
from collections.abc import Mapping
from typing import Any


def compare(
    before: Mapping[str, Any], now: Mapping[str, Any], *, ended: bool
) -> tuple[list[tuple[str, Any, Any]], list[tuple[str, Any, Any]]]:
    """Compare what two runs are made from.

    Args:
        before: the configuration of an earlier run.
        now: that of this one.
        ended: whether the earlier one has.

    Returns:
        What may not differ if this one is to go on with the earlier one, and the
        arguments that may: name, value before, value now.
    """
    fixed = [
        *differences('model', before, now),
        *(
            line
            for line in differences('options', before, now)
            if line[0].split('.')[1] in ('seed', 'members', 'precision')
        ),
    ]
    if 'vocabularies' in before:  # older runs have kept none
        fixed += [
            (name, _told(old), _told(new))
            for name, old, new in differences('vocabularies', before, now)
        ]
    others = []
    if None not in (before['arguments'], now['arguments']):
        others = differences('arguments', before, now)
        if 'files' in before:  # older runs have kept none
            others += differences('files', before, now)
    elif ended:
        fixed.append(('arguments', _known(before), _known(now)))
    if ended:
        fixed += [line for line in others if line[0] != 'arguments.steps']
    return fixed, others


def _told(vocabulary: Mapping[str, Any] | None) -> str:
    """Tell vocabularies apart without writing them out."""
    if vocabulary is None:
        return 'none'
    text = json.dumps(vocabulary, sort_keys=True)
    return f'{vocabulary["kind"]} {zlib.crc32(text.encode()):08x}'


def _known(config: Mapping[str, Any]) -> str:
    return 'not known' if config['arguments'] is None else str(config['arguments'])


def differences(part: str, before: Mapping, now: Mapping) -> list[tuple[str, Any, Any]]:
    """List what differs in a part of two configurations: name, value before, now."""
    old, new = before.get(part, {}), json.loads(json.dumps(now.get(part, {})))
    return [
        (f'{part}.{name}'.rstrip('.'), old.get(name), new.get(name))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]
