"""What the command line says of a customer, in English and in Japanese, side by side.

Dates, spans of time and the names of events are written as the pages write them
(`service.pages.language`); the sentences of a page and of a terminal differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from service.pages.language import CODES, Language

WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "events": ("Events", "イベント"),
        "also": ("Also known as", "別名"),
        "first_seen": ("First seen", "初回"),
        "last_event": ("Last event", "最後のイベント"),
        "parked": (
            "This customer is not being folded at present: {reason}",
            "この顧客は現在集計を停止しています: {reason}",
        ),
        "model": ("Model", "モデル"),
        "stage": ("Stage", "ステージ"),
        "entered": ("Since", "開始"),
        "since": ("Since {date} · {span}", "{date}から・{span}"),
        "cycle": ("Cycle {n}", "{n}周目"),
        "came_from": ("from {stage}", "{stage}から"),
        "why": ("Why", "理由"),
        "why.event": ("{event} arrived", "「{event}」を受信"),
        "why.event.unknown": ("an event arrived", "イベントを受信"),
        "why.first": ("their first event arrived", "最初のイベントを受信"),
        "why.deadline": ("time passed without anything to stop it", "期限が到来"),
        "why.condition": ("a condition became true", "条件が成立"),
        "why.manual": ("somebody set it by hand", "手動で設定"),
        "why.merge": ("two histories became one", "履歴を統合"),
        "why.void": ("an event was withdrawn", "イベントを取り消し"),
        "why.model": ("the model changed", "モデルを変更"),
        "rule": ("Rule", "ルール"),
        "evidence": ("Evidence", "根拠"),
        "next": ("What next", "この先"),
        "next.at": (
            "{stage} on {date}, if nothing happens",
            "何も起こらなければ {date} に{stage}",
        ),
        "next.none": ("Stays until something happens", "何か起こるまで変わりません"),
        "rules": ("Every rule of this stage", "このステージの全ルール"),
        "rules.none": ("No rule leaves this stage.", "このステージから出るルールはありません。"),
        "rule.met": ("met", "成立"),
        "rule.unmet": ("not met", "不成立"),
        "rule.alert": ("Alert", "アラート"),
        "rule.any": ("any event", "すべてのイベント"),
        "rule.waits": ("waits for {events}", "{events} を待機"),
        "rule.due": ("due {moment}", "期限 {moment}"),
        "rule.changes": ("may change {moment}", "{moment} に変わる可能性"),
        "clause.event": ("known when the event arrives", "イベント受信時に判定"),
    }
)


def say(speaker: Language, key: str, **values: object) -> str:
    """Return the sentence *key* in the language of *speaker*, with *values* filled in."""
    return WORDS[key][CODES.index(speaker.code)].format(**values)
