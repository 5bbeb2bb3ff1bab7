@ v_interval_set
== src/lib.rs
//! Sets of numbers as sorted intervals that do not touch.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub from: i64,
    pub to: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intervals {
    parts: Vec<Interval>,
}

impl Interval {
    pub fn new(from: i64, to: i64) -> Option<Self> {
        (from < to).then_some(Self { from, to })
        //~! (from < to).then_some(Self { from })
        //~! if from < to { Self { from, to } } else { None }
    }

    fn touches(&self, other: &Interval) -> bool {
        self.from <= other.to && other.from <= self.to
    }

    fn joined(self, other: Interval) -> Interval {
        Interval { from: self.from.min(other.from), to: self.to.max(other.to) }
        //~! Interval { from: self.from.min(&other.from), to: self.to.max(other.to) }
    }
}

impl Intervals {
    pub fn add(&mut self, new: Interval) {
        let (near, mut far): (Vec<Interval>, Vec<Interval>) =
            self.parts.drain(..).partition(|part| part.touches(&new));
        //~! self.parts.drain(..).partition(|part| part.touches(new));
        //~! self.parts.iter().partition(|part| part.touches(&new));
        far.push(near.into_iter().fold(new, Interval::joined));
        //~! far.push(near.iter().fold(new, Interval::joined));
        //~! far.push(near.into_iter().fold(Interval::joined, new));
        far.sort_by_key(|part| part.from);
        //~! far.sort_by_key(part.from);
        self.parts = far;
    }

    pub fn contains(&self, value: i64) -> bool {
        let at = self.parts.partition_point(|part| part.to <= value);
        self.parts.get(at).is_some_and(|part| part.from <= value)
        //~! self.parts.get(at).map(|part| part.from <= value)
    }

    pub fn size(&self) -> u64 {
        self.parts.iter().map(|part| (part.to - part.from) as u64).sum()
        //~! self.parts.iter().map(|part| part.to - part.from).sum()
    }

    pub fn gaps(&self) -> Intervals {
        let parts = self
            .parts
            .windows(2)
            .filter_map(|pair| Interval::new(pair[0].to, pair[1].from))
            //~! .map(|pair| Interval::new(pair[0].to, pair[1].from))
            .collect();
        Intervals { parts }
    }
}

impl fmt::Display for Intervals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                out.write_str(" ")?;
                //~! out.write_str(' ')?;
            }
            write!(out, "[{}, {})", part.from, part.to)?;
            //~! write!(out, "[{}, {})", part.from, part.until)?;
        }
        Ok(())
        //~! -
    }
}

impl FromIterator<Interval> for Intervals {
    fn from_iter<I: IntoIterator<Item = Interval>>(given: I) -> Self {
    //~! fn from_iter<I: Iterator<Item = Interval>>(given: I) -> Self {
        let mut made = Intervals::default();
        given.into_iter().for_each(|one| made.add(one));
        //~! given.into_iter().for_each(made.add);
        made
    }
}
== src/checks.rs
#[path = "lib.rs"]
mod subject;

use subject::{Interval, Intervals};

fn set(parts: &[(i64, i64)]) -> Intervals {
    parts.iter().filter_map(|&(from, to)| Interval::new(from, to)).collect()
}

#[test]
fn intervals_that_touch_are_one() {
    let found = set(&[(5, 9), (1, 3), (3, 5), (20, 22), (4, 4)]);
    assert_eq!(found.to_string(), "[1, 9) [20, 22)");
    assert_eq!(found.size(), 10);
    assert_eq!(found.gaps().to_string(), "[9, 20)");
}

#[test]
fn membership() {
    let found = set(&[(1, 3), (5, 6)]);
    let inside: Vec<i64> = (0..8).filter(|at| found.contains(*at)).collect();
    assert_eq!(inside, [1, 2, 5]);
}
@ v_text_table
== src/lib.rs
//! Tables as text, with aligned columns.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

pub struct Table<'t> {
//~! pub struct Table {
    head: Vec<(&'t str, Align)>,
    rows: Vec<Vec<String>>,
}

impl<'t> Table<'t> {
    pub fn new(head: &[(&'t str, Align)]) -> Self {
    //~! pub fn new(head: &[(&str, Align)]) -> Self {
        Table { head: head.to_vec(), rows: Vec::new() }
        //~! Table { head, rows: Vec::new() }
    }

    /// Adds a row; too many cells are refused, missing ones are empty.
    pub fn row<I>(&mut self, cells: I) -> Result<&mut Self, usize>
    where
        I: IntoIterator,
        I::Item: ToString,
        //~! -
    {
        let mut cells: Vec<String> = cells.into_iter().map(|cell| cell.to_string()).collect();
        //~! let cells: Vec<String> = cells.into_iter().map(|cell| cell.to_string()).collect();
        //~! let mut cells: Vec<String> = cells.into_iter().map(|cell| cell).collect();
        if cells.len() > self.head.len() {
            return Err(cells.len() - self.head.len());
            //~! return Err(format!("{} too many", cells.len() - self.head.len()));
        }
        cells.resize(self.head.len(), String::new());
        //~! cells.resize(self.head.len(), "");
        self.rows.push(cells);
        Ok(self)
        //~! Ok(())
    }

    fn widths(&self) -> Vec<usize> {
        self.head
            .iter()
            .enumerate()
            .map(|(at, (name, _))| {
            //~! .map(|at, (name, _)| {
                let cells = self.rows.iter().map(|row| row[at].chars().count());
                //~! let cells = self.rows.iter().map(|row| row[at].chars().len());
                cells.chain([name.chars().count()]).max().unwrap_or(0)
                //~! cells.chain(name.chars().count()).max().unwrap_or(0)
                //~! cells.chain([name.chars().count()]).max()
            })
            .collect()
    }

    pub fn render(&self) -> String {
        let widths = self.widths();
        let names: Vec<String> = self.head.iter().map(|(name, _)| name.to_string()).collect();
        //~! let names: Vec<String> = self.head.iter().map(|(name, _)| name).collect();
        std::iter::once(&names)
        //~! std::iter::once(names)
            .chain(&self.rows)
            .map(|row| self.line(row, &widths))
            //~! .map(|row| self.line(row, widths))
            .collect::<Vec<_>>()
            //~! -
            .join("\n")
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
    //~! fn line(&self, row: &[&str], widths: &[usize]) -> String {
        let mut text = String::new();
        for ((cell, width), (_, align)) in row.iter().zip(widths).zip(&self.head) {
        //~! for (cell, width, (_, align)) in row.iter().zip(widths).zip(&self.head) {
            let padded = match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
                //~! -
            };
            if !text.is_empty() {
                text.push_str("  ");
                //~! text.push("  ");
            }
            text += &padded;
            //~! text += padded;
        }
        text.trim_end().to_string()
        //~! text.trim_end()
    }
}

/// Counts words, the most frequent first.
pub fn frequencies(text: &str) -> Vec<(&str, usize)> {
//~! pub fn frequencies(text: String) -> Vec<(&str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_default() += 1;
        //~! counts.entry(word).or_default() += 1;
    }
    let mut found: Vec<_> = counts.into_iter().collect();
    found.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    //~! found.sort_by(|left, right| right.1.cmp(left.1).then(left.0.cmp(right.0)));
    //~! found.sort_by(|left, right| right.1 > left.1);
    found
}
== src/checks.rs
#[path = "lib.rs"]
mod subject;

use subject::{frequencies, Align, Table};

#[test]
fn columns_are_aligned() {
    let mut table = Table::new(&[("name", Align::Left), ("n", Align::Right)]);
    table.row(["ü", "7"]).unwrap().row(["longer"]).unwrap().row(["x", "100"]).unwrap();
    assert_eq!(table.render(), "name      n\nü         7\nlonger\nx       100");
    assert_eq!(table.row([1, 2, 3]).err(), Some(1));
}

#[test]
fn words_are_counted() {
    assert_eq!(frequencies("b a b c a b"), [("b", 3), ("a", 2), ("c", 1)]);
    assert!(frequencies("").is_empty());
}
@ v_priority_scheduler
== src/lib.rs
//! Tasks by priority, each after what it waits for.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};
//~! use std::collections::{BinaryHeap, HashMap};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub name: String,
    pub priority: u8,
    pub after: Vec<String>,
}

#[derive(PartialEq, Eq)]
//~! #[derive(PartialEq)]
struct Ready<'t>(&'t Task);
//~! struct Ready(&Task);

impl Ord for Ready<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.priority.cmp(&other.0.priority).then_with(|| other.0.name.cmp(&self.0.name))
        //~! self.0.priority.cmp(other.0.priority).then_with(|| other.0.name.cmp(&self.0.name))
        //~! self.0.priority.cmp(&other.0.priority).then_with(other.0.name.cmp(&self.0.name))
    }
}

impl PartialOrd for Ready<'_> {
//~2! impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
        //~! self.cmp(other)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum PlanError {
    Unknown { task: String, wanted: String },
    Cycle(Vec<String>),
}

impl Task {
    pub fn new(name: &str, priority: u8, after: &[&str]) -> Task {
        Task {
            name: name.to_string(),
            priority,
            after: after.iter().map(|one| one.to_string()).collect(),
            //~! after: after.to_vec(),
            //~! after: after.iter().map(|one| *one).collect(),
        }
    }
}

/// Returns the names in the order in which the tasks run.
pub fn plan(tasks: &[Task]) -> Result<Vec<&str>, PlanError> {
//~! pub fn plan(tasks: Vec<Task>) -> Result<Vec<&str>, PlanError> {
    let known: HashSet<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
    //~! let known: HashSet<&str> = tasks.iter().map(|task| task.name).collect();
    let mut waiting: HashMap<&str, usize> = HashMap::new();
    let mut followers: HashMap<&str, Vec<&Task>> = HashMap::new();
    for task in tasks {
        for wanted in &task.after {
        //~! for wanted in task.after {
            if !known.contains(wanted.as_str()) {
            //~! if !known.contains(wanted) {
                return Err(PlanError::Unknown { task: task.name.clone(), wanted: wanted.clone() });
                //~! return Err(PlanError::Unknown { task: task.name, wanted: wanted.clone() });
                //~! return Err(PlanError::Unknown(task.name.clone(), wanted.clone()));
            }
            followers.entry(wanted).or_default().push(task);
        }
        waiting.insert(&task.name, task.after.len());
        //~! waiting.insert(task.name, task.after.len());
    }
    let mut heap: BinaryHeap<Ready> = tasks.iter().filter(|task| task.after.is_empty()).map(Ready).collect();
    //~! let heap: BinaryHeap<Ready> = tasks.iter().filter(|task| task.after.is_empty()).map(Ready).collect();
    let mut order = Vec::new();
    while let Some(Ready(task)) = heap.pop() {
    //~! while let Some(task) = heap.pop() {
        order.push(task.name.as_str());
        //~! order.push(task.name);
        for follower in followers.get(task.name.as_str()).into_iter().flatten() {
            let left = waiting.get_mut(follower.name.as_str()).expect("all are known");
            //~! let left = waiting.get(follower.name.as_str()).expect("all are known");
            *left -= 1;
            //~! left -= 1;
            if *left == 0 {
                heap.push(Ready(follower));
                //~! heap.push(follower);
            }
        }
    }
    if order.len() < tasks.len() {
        let mut stuck: Vec<String> = known.iter().filter(|name| !order.contains(name)).map(|name| name.to_string()).collect();
        //~! let mut stuck: Vec<String> = known.iter().filter(|name| !order.contains(name)).collect();
        stuck.sort();
        return Err(PlanError::Cycle(stuck));
        //~! return Err(PlanError::Cycle(stuck.sort()));
    }
    Ok(order)
}
== src/checks.rs
#[path = "lib.rs"]
mod subject;

use subject::{plan, PlanError, Task};

#[test]
fn priorities_and_waits() {
    let tasks = [
        Task::new("test", 9, &["build"]),
        Task::new("build", 1, &[]),
        Task::new("lint", 5, &[]),
        Task::new("audit", 5, &[]),
        Task::new("ship", 9, &["test", "lint"]),
    ];
    assert_eq!(plan(&tasks), Ok(vec!["audit", "lint", "build", "test", "ship"]));
}

#[test]
fn what_cannot_be_planned() {
    let cycle = [Task::new("a", 1, &["b"]), Task::new("b", 1, &["a"]), Task::new("c", 1, &[])];
    assert_eq!(plan(&cycle), Err(PlanError::Cycle(vec!["a".into(), "b".into()])));
    let unknown = [Task::new("a", 1, &["z"])];
    assert_eq!(
        plan(&unknown),
        Err(PlanError::Unknown { task: "a".into(), wanted: "z".into() })
    );
}
@ v_undo_editor
== src/lib.rs
//! A line editor whose edits can be undone.

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    Insert { line: usize, text: String },
    Remove { line: usize },
    Swap(usize, usize),
}

#[derive(Debug, Default)]
pub struct Editor {
    lines: Vec<String>,
    undo: Vec<Edit>,
    redo: Vec<Edit>,
}

impl Editor {
    pub fn with_lines<S: Into<String>>(lines: impl IntoIterator<Item = S>) -> Self {
    //~! pub fn with_lines<S>(lines: impl IntoIterator<Item = S>) -> Self {
        Editor { lines: lines.into_iter().map(Into::into).collect(), ..Editor::default() }
        //~! Editor { lines: lines.into_iter().map(Into::into).collect() }
    }

    /// Applies an edit and returns the one that takes it back.
    fn apply(&mut self, edit: Edit) -> Result<Edit, Edit> {
    //~! fn apply(&self, edit: Edit) -> Result<Edit, Edit> {
        match edit {
            Edit::Insert { line, text } if line <= self.lines.len() => {
                self.lines.insert(line, text);
                //~! self.lines.insert(text, line);
                Ok(Edit::Remove { line })
                //~! Edit::Remove { line }
            }
            Edit::Remove { line } if line < self.lines.len() => {
                let text = self.lines.remove(line);
                //~! let text = self.lines[line];
                Ok(Edit::Insert { line, text })
            }
            Edit::Swap(one, other) if one.max(other) < self.lines.len() => {
                self.lines.swap(one, other);
                Ok(Edit::Swap(one, other))
            }
            wrong => Err(wrong),
            //~! -
        }
    }

    pub fn edit(&mut self, edit: Edit) -> Result<(), String> {
        let back = self.apply(edit).map_err(|edit| format!("{edit:?} does not fit"))?;
        //~! let back = self.apply(edit)?;
        //~! let back = self.apply(&edit).map_err(|edit| format!("{edit:?} does not fit"))?;
        self.undo.push(back);
        self.redo.clear();
        Ok(())
    }

    pub fn undo(&mut self) -> bool {
        let Some(edit) = self.undo.pop() else {
        //~! let Some(edit) = self.undo.pop();
            return false;
        };
        if let Ok(back) = self.apply(edit) {
        //~! if let Some(back) = self.apply(edit) {
            self.redo.push(back);
        }
        true
    }

    pub fn redo(&mut self) -> bool {
        match self.redo.pop() {
            Some(edit) => {
                if let Ok(back) = self.apply(edit) {
                    self.undo.push(back);
                }
                true
            }
            None => false,
            //~! -
        }
    }

    /// Changes each line in place.
    pub fn each_line(&mut self, mut change: impl FnMut(usize, &mut String)) {
    //~! pub fn each_line(&mut self, change: impl FnMut(usize, &mut String)) {
    //~! pub fn each_line(&mut self, mut change: impl Fn(usize, String)) {
        for (at, line) in self.lines.iter_mut().enumerate() {
        //~! for (at, line) in self.lines.iter().enumerate() {
            change(at, line);
            //~! change(line);
        }
        self.undo.clear();
        self.redo.clear();
    }

    pub fn longest(&self) -> Option<&str> {
    //~! pub fn longest(&self) -> Option<&String> {
    //~! pub fn longest(self) -> Option<&str> {
        self.lines.iter().map(String::as_str).max_by_key(|line| line.len())
        //~! self.lines.iter().max_by_key(|line| line.len()).as_str()
    }

    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}
== src/checks.rs
#[path = "lib.rs"]
mod subject;

use subject::{Edit, Editor};

#[test]
fn there_and_back() {
    let mut editor = Editor::with_lines(["one", "three"]);
    editor.edit(Edit::Insert { line: 1, text: "two".into() }).unwrap();
    editor.edit(Edit::Swap(0, 2)).unwrap();
    editor.edit(Edit::Remove { line: 0 }).unwrap();
    assert_eq!(editor.text(), "two\none");
    assert!(editor.undo() && editor.undo());
    assert_eq!(editor.text(), "one\ntwo\nthree");
    assert!(editor.redo());
    assert_eq!(editor.text(), "three\ntwo\none");
    assert!(editor.undo() && editor.undo() && !editor.undo());
    assert_eq!(editor.text(), "one\nthree");
}

#[test]
fn limits_and_changes() {
    let mut editor = Editor::with_lines(vec![String::from("a")]);
    assert_eq!(editor.edit(Edit::Remove { line: 4 }), Err("Remove { line: 4 } does not fit".into()));
    let mut seen = 0;
    editor.each_line(|at, line| {
        seen += 1;
        line.push_str(&at.to_string());
    });
    assert_eq!((seen, editor.text().as_str()), (1, "a0"));
    assert_eq!(editor.longest(), Some("a0"));
    assert!(!editor.undo());
}
@ v_json_writer
== src/lib.rs
//! Writes values as JSON, without any library.

use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    //~! List(Json),
    Object(BTreeMap<String, Json>),
}

pub trait ToJson {
    fn to_json(&self) -> Json;
    //~! fn to_json(self) -> Json;
}

impl ToJson for bool {
    fn to_json(&self) -> Json {
        Json::Bool(*self)
        //~! Json::Bool(self)
    }
}

impl ToJson for i32 {
    fn to_json(&self) -> Json {
        Json::Number(f64::from(*self))
        //~! Json::Number(*self)
        //~! Json::Number(f64::from(self))
    }
}

impl ToJson for str {
    fn to_json(&self) -> Json {
        Json::Text(self.to_string())
        //~! Json::Text(self)
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
//~! impl<T: ToJson> ToJson for &T {
    fn to_json(&self) -> Json {
        (*self).to_json()
    }
}

impl<T: ToJson> ToJson for Option<T> {
//~! impl<T> ToJson for Option<T> {
    fn to_json(&self) -> Json {
        self.as_ref().map_or(Json::Null, ToJson::to_json)
        //~! self.map_or(Json::Null, ToJson::to_json)
        //~! self.as_ref().map_or(ToJson::to_json, Json::Null)
    }
}

impl<T: ToJson> ToJson for [T] {
    fn to_json(&self) -> Json {
        Json::List(self.iter().map(T::to_json).collect())
        //~! Json::List(self.iter().map(T::to_json))
        //~! Json::List(self.iter().map(ToJson).collect())
    }
}

impl<K: AsRef<str>, T: ToJson> ToJson for BTreeMap<K, T> {
//~! impl<K, T: ToJson> ToJson for BTreeMap<K, T> {
    fn to_json(&self) -> Json {
        let pairs = self.iter().map(|(key, value)| (key.as_ref().to_string(), value.to_json()));
        //~! let pairs = self.iter().map(|(key, value)| (key.as_ref(), value.to_json()));
        //~! let pairs = self.iter().map(|key, value| (key.as_ref().to_string(), value.to_json()));
        Json::Object(pairs.collect())
    }
}

impl Json {
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        //~! self.write(out);
        //~! self.write(&out);
        out
    }

    fn write(&self, out: &mut String) {
    //~! fn write(&self, out: String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            //~! Json::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Json::Number(value) => out.push_str(&value.to_string()),
            //~! Json::Number(value) => out.push_str(value.to_string()),
            Json::Text(text) => quoted(text, out),
            //~! -
            Json::List(values) => {
                out.push('[');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    value.write(out);
                    //~! value.write(&out);
                    //~! value.write(*out);
                }
                out.push(']');
            }
            Json::Object(pairs) => {
                out.push('{');
                for (at, (key, value)) in pairs.iter().enumerate() {
                //~! for (at, key, value) in pairs.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    quoted(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    pub fn depth(&self) -> usize {
        let inner = match self {
            Json::List(values) => values.iter().map(Json::depth).max(),
            Json::Object(pairs) => pairs.values().map(Json::depth).max(),
            //~! Json::Object(pairs) => pairs.iter().map(Json::depth).max(),
            _ => return 0,
            //~! _ => 0,
        };
        1 + inner.unwrap_or(0)
        //~! 1 + inner
    }
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            other if (other as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", other as u32)),
            //~! other if other < 0x20 => out.push_str(&format!("\\u{:04x}", other as u32)),
            other => out.push(other),
            //~! other => out.push_str(other),
        }
    }
    out.push('"');
}
== src/checks.rs
#[path = "lib.rs"]
mod subject;

use std::collections::BTreeMap;
use subject::{Json, ToJson};

#[test]
fn values_become_text() {
    let lists: &[Option<i32>] = &[Some(3), None];
    assert_eq!(lists.to_json().text(), "[3,null]");
    assert_eq!("a\"b\n\u{1}".to_json().text(), "\"a\\\"b\\n\\u0001\"");
    let mut map = BTreeMap::new();
    map.insert("x".to_string(), true);
    map.insert("a".to_string(), false);
    assert_eq!(map.to_json().text(), "{\"a\":false,\"x\":true}");
}

#[test]
fn depths() {
    assert_eq!(Json::Null.depth(), 0);
    assert_eq!(Json::List(vec![]).depth(), 1);
    let nested = Json::List(vec![Json::List(vec![7.to_json()]), Json::Bool(true)]);
    assert_eq!(nested.depth(), 2);
}
