"""What a board's variables stand for: their choices, in the order in which they hang on each other, and what is chosen.

Who is asked for the values of a label is handed in; this module decides what to ask and what to make of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from devctl.web.boards.interpolation import ALL, Value, fill, for_promql, references
from devctl.web.boards.model import Option, Variable

MOST_OPTIONS = 10_000
"""More choices nobody picks from; a label with more values is cut here."""
AUTO = "$__auto_interval_"
AD_HOC = "adhoc"
"""The kind of a variable whose values are filters for every query, written `label|operator|value`."""


@dataclass(frozen=True, slots=True)
class LabelValues:
    """The values of a label, of the series that a selector chooses (empty: of all)."""

    label: str
    selector: str = ""


@dataclass(frozen=True, slots=True)
class LabelNames:
    """The names of all labels."""


@dataclass(frozen=True, slots=True)
class MetricNames:
    """The names of metrics that match a pattern."""

    pattern: str


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The series of an instant query, each written as `name{labels} value time`."""

    expression: str


Question = LabelValues | LabelNames | MetricNames | QueryResult
Ask = Callable[[Question], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A variable with its choices and what is chosen. `problem` says why it has none."""

    variable: Variable
    options: Sequence[Option]
    value: Value
    problem: str = ""


def question(query: str) -> Question | None:
    """Return what a query variable's text asks of Prometheus; None for an empty one."""
    query = query.strip()
    if match := re.fullmatch(r"label_values\((?:(.+),)?\s*([\w.:]+)\s*\)", query, re.DOTALL):
        return LabelValues(match[2], (match[1] or "").strip())
    if re.fullmatch(r"label_names\(.*\)", query, re.DOTALL):
        return LabelNames()
    if match := re.fullmatch(r"metrics\((.*)\)", query, re.DOTALL):
        return MetricNames(match[1].strip())
    if match := re.fullmatch(r"query_result\((.*)\)", query, re.DOTALL):
        return QueryResult(match[1].strip())
    return QueryResult(query) if query else None


def ordered(variables: Iterable[Variable]) -> list[Variable]:
    """Return the variables so that each comes after those that its query names; rings stay in the board's order."""
    waiting = {variable.name: variable for variable in variables if variable.name}
    done: list[Variable] = []
    while waiting:
        free = [each for each in waiting.values() if not references(each.query) & (waiting.keys() - {each.name})]
        for variable in free or list(waiting.values())[:1]:
            done.append(waiting.pop(variable.name))
    return done


async def resolve(
    variables: Sequence[Variable], chosen: Mapping[str, Sequence[str]], builtin: Mapping[str, Value], ask: Ask
) -> list[Resolved]:
    """Return every variable with its choices and its value, in the board's order."""
    values = dict(builtin)
    by_name: dict[str, Resolved] = {}
    for variable in ordered(variables):
        resolved = await _resolve(variable, chosen.get(variable.name), values, ask)
        by_name[variable.name] = resolved
        values[variable.name] = resolved.value
    return [by_name[variable.name] for variable in variables if variable.name in by_name]


async def _resolve(variable: Variable, chosen: Sequence[str] | None, values: Mapping[str, Value], ask: Ask) -> Resolved:
    problem = ""
    if variable.kind == "query":
        try:
            answers = await _answers(variable, values, ask)
        except ValueError as error:
            answers, problem = [], str(error)
        options = arranged(answers, variable)
    else:
        options = _declared(variable, values)
    return Resolved(variable, options, pick(variable, options, chosen), problem)


async def _answers(variable: Variable, values: Mapping[str, Value], ask: Ask) -> Sequence[str]:
    wish = question(fill(variable.query, values, for_promql))
    return await ask(wish) if wish else []


def arranged(answers: Iterable[str], variable: Variable) -> list[Option]:
    """Return the choices that come of answers: filtered and cut by the variable's pattern, each once, sorted."""
    pattern = _compiled(variable.regex)
    options: dict[str, Option] = {}
    for answer in answers:
        option = _cut_out(answer, pattern)
        if option and len(options) < MOST_OPTIONS:
            options.setdefault(option.value, option)
    return _sorted(list(options.values()), variable.sort)


def _compiled(text: str) -> re.Pattern[str] | None:
    """Return the pattern of `/…/flags` or of a bare text; None for none, or for one that Python does not read."""
    if not text:
        return None
    match = re.fullmatch(r"/(.*)/([gimsuy]*)", text, re.DOTALL)
    source, flags = (match[1], match[2]) if match else (text, "")
    try:
        return re.compile(re.sub(r"\(\?<(\w)", r"(?P<\1", source), re.IGNORECASE if "i" in flags else 0)
    except re.error:
        return None


def _cut_out(answer: str, pattern: re.Pattern[str] | None) -> Option | None:
    if pattern is None:
        return Option(answer, answer)
    match = pattern.search(answer)
    if match is None:
        return None
    named = {key: value for key, value in match.groupdict().items() if value is not None}
    if "value" in named or "text" in named:
        return Option(named.get("text", named.get("value", "")), named.get("value", named.get("text", "")))
    first = next((group for group in match.groups() if group is not None), answer)
    return Option(first, first)


def _sorted(options: list[Option], order: int) -> list[Option]:
    """Sort as Grafana numbers the ways: 1, 2 by letters, 3, 4 by number, 5, 6 whatever the case, 7, 8 naturally."""
    if not order:
        return options
    kind = (order + 1) // 2
    keys: dict[int, Callable[[Option], object]] = {
        1: lambda option: option.text,
        2: lambda option: _first_number(option.text),
        3: lambda option: option.text.lower(),
        4: lambda option: _natural(option.text),
    }
    return sorted(options, key=keys[kind], reverse=order % 2 == 0)  # type: ignore[arg-type]


def _first_number(text: str) -> float:
    match = re.search(r"-?\d{1,30}(?:\.\d{1,30})?", text)
    return float(match[0]) if match else -1.0


def _natural(text: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"\d{1,30}|\D+", text)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in parts]


def _declared(variable: Variable, values: Mapping[str, Value]) -> list[Option]:
    """Return the choices that the board itself lists."""
    match variable.kind:
        case "custom" | "interval":
            made = [_pair(part) for part in _parts(fill(variable.query, values))]
            options = made or [option for option in variable.options if option.value != ALL]
            automatic = [Option("auto", AUTO + variable.name)] if variable.has_auto else []
            return [*automatic, *[option for option in options if not option.value.startswith(AUTO)]]
        case "constant" | "textbox":
            return [Option(variable.query, variable.query)]
        case "switch":
            return [Option("true", "true"), Option("false", "false")]
        case "datasource":
            return [Option(variable.query or "default", variable.query or "default")]
    return list(variable.options)


def _parts(text: str) -> list[str]:
    """Split at commas that no backslash stands before."""
    parts = re.split(r"(?<!\\),", text)
    return [part.replace("\\,", ",").strip().strip("\"'") for part in parts if part.strip()]


def _pair(part: str) -> Option:
    name, colon, value = part.partition(" : ")
    return Option(name.strip(), value.strip()) if colon else Option(part, part)


def pick(variable: Variable, options: Sequence[Option], chosen: Sequence[str] | None) -> Value:
    """Return what a variable stands for: what the address chose, else what the board says, else all or the first."""
    is_list = variable.is_multi or variable.includes_all
    if variable.kind == AD_HOC:
        filters = tuple(chosen if chosen is not None else variable.current)
        return Value(tuple(filter(None, filters)), texts=filters)
    wishes = tuple(chosen) if chosen is not None else variable.current
    if variable.kind in ("textbox", "constant") or (variable.kind == "datasource" and chosen is None):
        text = wishes if wishes and variable.kind == "textbox" else tuple(option.value for option in options[:1])
        return Value(text, texts=text)
    if variable.includes_all and (ALL in wishes or "All" in wishes):
        return _everything(variable, options)
    texts = {option.value: option.text for option in options}
    kept = tuple(wish for wish in wishes if wish in texts or (chosen is not None and wish))
    if not kept and variable.includes_all:
        return _everything(variable, options)
    kept = kept or tuple(option.value for option in options[:1])
    kept = kept if variable.is_multi else kept[:1]
    return Value(kept, is_list, texts=tuple(texts.get(each, each) for each in kept))


def _everything(variable: Variable, options: Sequence[Option]) -> Value:
    return Value(
        tuple(option.value for option in options), True, True, variable.all_value, tuple(o.text for o in options)
    )


def scoped(values: Mapping[str, Value], scope: Mapping[str, tuple[str, ...]]) -> dict[str, Value]:
    """Return the values as a repeated panel sees them: its own variable stands for one value."""
    return {**values, **{name: _narrowed(values.get(name), chosen) for name, chosen in scope.items()}}


def _narrowed(value: Value | None, chosen: tuple[str, ...]) -> Value:
    if value is None:
        return Value(chosen, texts=chosen)
    texts = dict(zip(value.values, value.texts, strict=False))
    names = tuple(texts.get(each, each) for each in chosen)
    return replace(value, values=chosen, is_all=False, texts=names)
