"""Ways to break a line: what people and models really get wrong.

Each mutator takes one line and yields the lines that stand there afterwards. What error comes of
it, if any, rustc says.
"""

import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from reflex_bakeoff.suite.rust_words import KEYWORDS

Mutation = tuple[str, list[str]]
_IDENT: Final = re.compile(r"(?<![A-Za-z0-9_'\"])[A-Za-z_][A-Za-z0-9_]*")
# `right|wrong` pairs; blanks are part of them.
_ALIEN_TEXT: Final = (
    ".len()|.length();.len()|.size();.len()|.count;.push(|.append(;.push(|.add(;.push(|.push_back(;"
    ".to_string()|.toString();.to_string()|.str();.is_empty()|.empty();.is_empty()|.isEmpty();"
    ".push_str(|.concat(;.push_str(|.append(;.insert(|.add(;.insert(|.put(;.insert(|.set(;"
    ".iter()|.each();.trim()|.strip();.to_uppercase()|.upper();.to_uppercase()|.toUpperCase();"
    ".first()|.head();.last()|.tail();None|null;None|Null;String|string;bool|boolean;f64|double;"
    "f64|float;&str|&string;true|True;false|False;println!|print_line!;println!|printf;"
    ".map(|.select(;.filter(|.where_(;.sum()|.total();fn |func ;fn |def ;let |var ;let mut |var ;"
    "self.|this.; { | do { ;i32|int;i64|long;u32|uint;usize|size_t; => | -> ; -> | => ;::|.;"
    "pub |public ;struct |class ;Vec<|List<;Vec<|Array<;HashMap<|Map<;HashMap|Hashmap;HashSet|Set;"
    "Some(|Just(; in | of ;return |retrun ;+=|+;== 0|= 0; == | === ;'|\";.unwrap_or(|.unwrapOr(;"
    ".contains(|.includes(;.contains_key(|.has(;.abs()|.absolute();.sort()|.sorted();"
    ".clone()|.copy();.collect()|.to_vec();.keys()|.key();.max()|.maximum();.sqrt()|.root();"
    ".chars()|.characters();.lines()|.split_lines();.get(|.at(;.join(|.implode(;"
    ".iter()|.iterator();.into_iter()|.iter_into();.is_some()|.exists();"
    ".unwrap_or_default()|.or_zero();.starts_with(|.startswith(;.ends_with(|.endsWith(;"
    ".to_lowercase()|.lower();.rev()|.reversed();.enumerate()|.indexed();.fold(|.reduce_from(;"
    ".any(|.some(;.all(|.every(;.pop()|.remove_last();.values()|.vals();.parse|.to_int;"
    ".take(|.limit(;.skip(|.drop(;.zip(|.zipped(;"
)
ALIEN: Final = tuple(
    (pair.split("|")[0], pair.split("|")[1]) for pair in _ALIEN_TEXT.split(";") if pair
)
# Pieces to forget; some are there more often because they are forgotten more often.
_DROPS_TEXT: Final = (
    ".map_err(|e| e.to_string())¦.to_string()¦.clone()¦.clone()¦.clone()¦.iter()¦.collect()¦"
    ".unwrap_or(0)¦.cloned()¦.copied()¦?¦.enumerate()¦.chars()¦.len()¦.first()¦.sqrt()¦.into()¦"
    ".trim()¦&mut ¦&¦&¦*¦*¦mut ¦mut ¦self.¦&self¦pub ¦'a ¦<'a>¦-> ¦return ¦;¦)¦}¦{¦(¦,¦move ¦"
    "move ¦dyn ¦: Copy¦ + Copy¦ = ¦::new()¦Rc::¦&&¦'static ¦.0¦.5¦let¦in ¦=> ¦\"¦Self¦<T>¦ if¦"
    "T: ¦: Clone¦ as usize¦ as f64¦ as i64¦ as u64¦ as u32¦ as i32¦.as_str()¦.to_vec()¦"
    ".to_owned()¦.as_ref()¦ref¦.borrow_mut()¦.borrow()¦.unwrap()¦.as_deref()¦Box::new(¦Some(¦"
    " + 'a¦impl ¦: Display¦: Debug¦.into_iter()¦"
)
DROPS: Final = tuple(word for word in _DROPS_TEXT.split("¦") if word)
_TYPES: Final = ("i32", "i64", "u32", "u64", "usize", "f64", "String", "bool", "&str")
_TYPE: Final = re.compile(r"\b(i32|i64|u32|u64|usize|f64|String|bool|u16|u8|char)\b|&str\b")


def identifiers(line: str) -> list[re.Match[str]]:
    """Return the names in a line that are no keywords."""
    return [m for m in _IDENT.finditer(line) if m[0] not in KEYWORDS and m[0] != "_"]


def typo(rng: Random, word: str) -> str | None:
    """Return a misspelling, or None when there is no good one."""
    if len(word) < 3:
        return None
    kind = rng.random()
    at = rng.randrange(1, len(word))
    if kind < 0.2:
        new = word[:at] + word[at + 1 :]
    elif kind < 0.4:
        at = min(at, len(word) - 2)
        new = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif kind < 0.55:
        new = word[:at] + word[at] + word[at:]
    elif kind < 0.7:
        new = word[:at] + rng.choice("abcdefghijklmnoprstuvwxyz") + word[at + 1 :]
    elif kind < 0.8:
        new = word[:-1] if word.endswith("s") else word + "s"
    elif kind < 0.9 and "_" in word:
        new = "".join(p.capitalize() if i else p for i, p in enumerate(word.split("_")))
    else:
        new = word[: max(2, len(word) // 2)]
    return new if new != word and new not in KEYWORDS and re.match(r"[A-Za-z_]\w*$", new) else None


def typos(rng: Random, line: str) -> Iterator[Mutation]:
    """Misspell one of the names."""
    found = identifiers(line)
    for match in rng.sample(found, min(2, len(found))):
        new = typo(rng, match[0])
        if new:
            yield "typo", [line[: match.start()] + new + line[match.end() :]]


def aliens(rng: Random, line: str) -> Iterator[Mutation]:
    """Write it as in another language."""
    fits = [pair for pair in ALIEN if pair[0] in line]
    if fits:
        old, new = rng.choice(fits)
        yield "alien", [line.replace(old, new, 1)]


def drops(rng: Random, line: str) -> Iterator[Mutation]:
    """Forget a piece."""
    fits = [word for word in DROPS if word in line]
    for word in rng.sample(fits, min(2, len(fits))):
        at = rng.choice([m.start() for m in re.finditer(re.escape(word), line)])
        yield f"drop {word.strip()}", [line[:at] + line[at + len(word) :]]


def references(rng: Random, line: str) -> Iterator[Mutation]:
    """Put a `&`, `*` or `&mut` before a name."""
    found = identifiers(line)
    if found:
        match = rng.choice(found)
        mark = rng.choice(["&", "*", "&mut "])
        yield "refadd", [line[: match.start()] + mark + line[match.start() :]]


def wrapping(rng: Random, line: str) -> Iterator[Mutation]:
    """Wrap or unwrap a result, or end a block's value with a semicolon."""
    match = re.search(r"\b(Some|Ok|Err)\((.*)\)([,;]?)$", line)
    if match:
        yield f"unwrap {match[1]}", [line[: match.start()] + match[2] + match[3]]
    match = re.match(r"^(\s+)([a-z_(][\w. ()+*/&-]*[\w+*/)-])$", line)
    if match:
        form = rng.choice(["Some({})", "Ok({})", "&{}", "return {}"])
        yield "wrap", [match[1] + form.format(match[2])]
    if re.match(r"^\s+[^{}]*[\w)\]]$", line):
        yield "semi", [line + ";"]
    match = re.search(r"\b(Some|Ok)\(", line)
    if match:
        other = "Ok(" if match[1] == "Some" else "Some("
        yield "other wrap", [line[: match.start()] + other + line[match.end() :]]


def types(rng: Random, line: str) -> Iterator[Mutation]:
    """Write another type, or leave one out."""
    found = list(_TYPE.finditer(line))
    if found and not line.lstrip().startswith("use "):
        match = rng.choice(found)
        new = rng.choice(_TYPES)
        yield "type", [line[: match.start()] + new + line[match.end() :]]
    match2 = re.search(r" -> [^{]+ \{$", line)
    if match2:
        yield "noret", [line[: match2.start()] + " {"]
    match2 = re.search(r": [A-Z&(\w][^=]*? = ", line)
    if match2 and "let " in line:
        yield "notype", [line[: match2.start()] + " = " + line[match2.end() :]]
    match2 = re.search(r"::<[\w&<>_]+>", line)
    if match2:
        yield "noturbo", [line[: match2.start()] + line[match2.end() :]]
    match2 = re.search(r" as (\w+)", line)
    if match2:
        yield "drop as", [line[: match2.start()] + line[match2.end() :]]


def arguments(rng: Random, line: str) -> Iterator[Mutation]:
    """Give too few or too many arguments, or in another order."""
    if line.lstrip().startswith("#"):
        return
    for match in re.finditer(r"\(([^()]+)\)", line):
        given = match[1].split(", ")
        if len(given) > 1:
            at = rng.randrange(len(given))
            less = ", ".join(given[:at] + given[at + 1 :])
            yield "argless", [line[: match.start(1)] + less + line[match.end(1) :]]
            other = ", ".join([given[1], given[0], *given[2:]])
            yield "argswap", [line[: match.start(1)] + other + line[match.end(1) :]]
        more = rng.choice([", 1", ", 0", ", true", ', "x"', ", None", ", _"])
        yield "argmore", [line[: match.end(1)] + more + line[match.end(1) :]]
    match2 = re.search(r"(\w)\(\)", line)
    if match2 and rng.random() < 0.4:
        more = rng.choice(["1", "0", "true", '"x"'])
        yield "argnew", [line[: match2.end() - 1] + more + line[match2.end() - 1 :]]


def literals(rng: Random, line: str) -> Iterator[Mutation]:
    """Write a literal of another type."""
    match = re.search(r'String::from\(("[^"]*")\)|("[^"]*")\.to_string\(\)', line)
    if match:
        yield "strlit", [line.replace(match[0], match[1] or match[2])]
    found = list(re.finditer(r"(?<![\w.])\d+(?![\w.])", line))
    if found:
        one = rng.choice(found)
        form = rng.choice(['"{}"', "{}.0", "'{}'", "{}i8", "Some({})"])
        yield "lit", [line[: one.start()] + form.format(one[0]) + line[one.end() :]]


def members(rng: Random, line: str) -> Iterator[Mutation]:
    """Leave out a derive, an arm, an import, a field, a trait's item or a separator."""
    if line.startswith("#[derive("):
        derived = line[len("#[derive(") : line.index(")")].split(", ")
        if len(derived) > 1:
            at = rng.randrange(len(derived))
            yield "derive", [f"#[derive({', '.join(derived[:at] + derived[at + 1 :])})]"]
        yield "noderive", []
    if re.match(r"^\s+\S.* => [^{]*,$", line):
        yield "noarm", []
    if line.startswith("use "):
        yield "nouse", []
    fields = list(re.finditer(r"(\b\w+: [^,{}]+), |, (\w+: [^,{}]+)(?= \})", line))
    if fields and "{ " in line:
        match = rng.choice(fields)
        yield "nofield", [line[: match.start()] + line[match.end() :]]
    if re.match(r"^\s+(let |return |\S.*\+= ).*;$", line):
        yield "nosemi", [line[:-1]]
    if re.match(r"^\s+(pub )?\w+: .*,$", line):
        yield "nodecl", []
        yield "nocomma", [line[:-1]]
    if re.match(r"^\s+(fn \w+\(.*|type .*);$", line):
        yield "notraititem", []
    pattern = re.search(
        r"(?:Some|Ok|Err|\b[A-Z]\w+::[A-Z]\w*|^\s+[A-Z]\w*)\(([a-z_]\w*(?:, \w+)*)\)(?= =>| =|\) )",
        line,
    )
    if pattern and ("=>" in line or "let " in line):
        given = pattern[1]
        other = rng.choice([f"{given}, _", f"{given}, other", given.rsplit(", ", 1)[0]])
        if other != given:
            yield "pattern", [line[: pattern.start(1)] + other + line[pattern.end(1) :]]


def lifetimes(_: Random, line: str) -> Iterator[Mutation]:
    """Forget lifetimes or name one that is not declared."""
    if "'a" in line:
        yield "lifetime", [line.replace("'a ", "").replace("<'a>", "", 1)]
        yield "lifetime", [line.replace("<'a>", "", 1)]
        yield "lifetime", [line.replace("'a", "'b", 1)]


def ownership(rng: Random, line: str) -> Iterator[Mutation]:
    """Take where one should lend, lend where one should give, forget `mut` or `move`."""
    for old, new in (
        ("&mut self", "&self"),
        ("&self", "self"),
        ("&self", "&mut self"),
        (".iter()", ".into_iter()"),
        ("&mut ", "&"),
        ("in &", "in "),
        ("let mut ", "let "),
        (".clone()", ""),
        (": &[", ": Vec<"),
        ("move |", "|"),
        (".as_ref()", ""),
        ("&self.", "self."),
        ("match &", "match "),
        (": &str", ": String"),
        (".get(", "["),
    ):
        if old in line and rng.random() < 0.5:
            text = line.replace(old, new, 1)
            if old == ": &[":
                text = re.sub(r": Vec<([^\]]*)\]", r": Vec<\1>", text)
            yield "ownership", [text]


MUTATORS: Final[tuple[Callable[[Random, str], Iterator[Mutation]], ...]] = (
    typos, aliens, drops, drops, references, wrapping, types, arguments, literals, members,
    members, lifetimes, lifetimes, ownership, ownership, ownership,
)  # fmt: skip
