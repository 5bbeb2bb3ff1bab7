@ v_borrow_ledger
== src/lib.rs
//! A stock of parts: lending, giving away and taking back.

use std::collections::HashMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    pub count: u32,
}

#[derive(Debug, Default)]
pub struct Stock {
    parts: Vec<Part>,
    log: Vec<String>,
}

pub fn consume(part: Part) -> u32 {
    part.count
}

impl Stock {
    pub fn add(&mut self, part: Part) -> usize {
        let text = format!("add {}", part.name);
        self.parts.push(part.clone());
        //~! self.parts.push(part);
        self.log.push(text);
        //~! self.log.push(text); ¶ drop(text);
        self.parts.len() + usize::from(part.count == 0)
    }

    /// Doubles what there is most of, and says what it was called.
    pub fn double_most(&mut self) -> Option<String> {
        let best = self.parts.iter().max_by_key(|part| part.count)?.name.clone();
        //~! let best = &self.parts.iter().max_by_key(|part| part.count)?.name;
        for part in self.parts.iter_mut().filter(|part| part.name == best) {
            part.count *= 2;
        }
        self.log.push(format!("double {best}"));
        Some(best)
        //~! Some(best.clone()).filter(|_| { drop(best); true }).or(Some(best))
    }

    pub fn move_all(&mut self, other: &mut Stock) -> usize {
        let moved = self.parts.len();
        //~! let moved = &self.parts;
        let taken = std::mem::take(&mut self.parts);
        //~! let taken = self.parts;
        for part in taken {
            other.add(part);
        }
        moved
        //~! moved + taken.len()
    }

    pub fn longest_name(&self) -> &str {
        let mut found = "";
        for part in &self.parts {
            //~! let name = part.name.clone();
            if part.name.len() > found.len() {
                found = &part.name;
                //~! let copy = part.name.clone(); ¶ found = &copy;
                //~! found = part.name.to_uppercase().as_str();
            }
        }
        found
        //~! &found.to_string()
    }

    pub fn first_two(&mut self) -> Option<(&mut Part, &mut Part)> {
        let (left, right) = self.parts.split_at_mut_checked(1)?;
        Some((&mut left[0], right.first_mut()?))
        //~! Some((&mut self.parts[0], right.first_mut()?))
        //~! Some((&mut left[0], &mut left[0]))
    }

    pub fn swap_counts(&mut self) -> bool {
        match self.first_two() {
            Some((left, right)) => {
                std::mem::swap(&mut left.count, &mut right.count);
                //~! std::mem::swap(&mut left.count, &mut left.count);
                true
            }
            None => false,
        }
    }

    /// Removes parts and returns how many pieces they had.
    pub fn sell(&mut self, name: &str) -> u32 {
        let mut pieces = 0;
        while let Some(at) = self.parts.iter().position(|part| part.name == name) {
            let part = self.parts.remove(at);
            //~! let part = self.parts[at];
            //~! let part = &self.parts[at]; ¶ self.parts.remove(at);
            self.log.push(format!("sell {}", part.name));
            pieces += consume(part);
            //~! pieces += consume(part) + part.count;
        }
        pieces
    }

    pub fn by_name(&self) -> HashMap<&str, u32> {
        let mut found = HashMap::new();
        for part in &self.parts {
            *found.entry(part.name.as_str()).or_insert(0) += part.count;
            //~! let key = part.name.clone(); ¶ *found.entry(key.as_str()).or_insert(0) += part.count;
        }
        found
    }

    pub fn note(&mut self, mut write: impl FnMut(&mut Vec<String>)) {
        let last = self.log.len();
        //~! let last = self.log.last();
        write(&mut self.log);
        println!("{last:?}");
    }

    pub fn entries(&self) -> &[String] {
        &self.log
    }
}

pub fn joined(mut left: Stock, right: Stock) -> Stock {
    let count = right.parts.len();
    left.parts.extend(right.parts);
    left.log.push(format!("join {count}"));
    //~! left.log.push(format!("join {}", right.parts.len()));
    left
}
== src/checks.rs
#[path = "lib.rs"]
mod subject;

use subject::{joined, Part, Stock};

fn part(name: &str, count: u32) -> Part {
    Part { name: name.to_string(), count }
}

fn stock() -> Stock {
    let mut made = Stock::default();
    made.add(part("bolt", 3));
    made.add(part("washer", 5));
    made
}

#[test]
fn parts_are_doubled_swapped_and_sold() {
    let mut made = stock();
    assert_eq!(made.double_most().as_deref(), Some("washer"));
    assert!(made.swap_counts());
    assert_eq!(made.by_name()["bolt"], 10);
    assert_eq!(made.longest_name(), "washer");
    assert_eq!(made.sell("washer"), 3);
    assert!(!made.swap_counts());
    assert_eq!(made.entries().len(), 4);
}

#[test]
fn stocks_are_moved_and_joined() {
    let (mut left, mut right) = (stock(), Stock::default());
    assert_eq!(left.move_all(&mut right), 2);
    left.note(|log| log.push("empty".to_string()));
    let both = joined(left, right);
    assert_eq!(both.by_name().len(), 2);
    assert_eq!(both.entries().last().map(String::as_str), Some("join 2"));
}
@ v_borrow_views
== src/lib.rs
//! Views into texts, and threads that own what they need.

use std::thread;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'t> {
    pub text: &'t str,
    pub line: usize,
}

pub struct Reader<'t> {
    words: Vec<Word<'t>>,
    at: usize,
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str) -> Self {
        let mut words = Vec::new();
        for (line, row) in text.lines().enumerate() {
            words.extend(row.split(' ').filter(|one| !one.is_empty()).map(|text| Word { text, line }));
            //~! words.extend(row.split(' ').filter(|one| !one.is_empty()).map(|text| Word { text: &text.to_string(), line }));
            //~! let row = row.to_lowercase(); ¶ words.extend(row.split(' ').map(|text| Word { text, line }));
        }
        Reader { words, at: 0 }
    }

    pub fn longest(&self) -> Option<Word<'t>> {
        self.words.iter().copied().max_by_key(|word| word.text.len())
    }

    pub fn upper(&self) -> Vec<String> {
        self.words.iter().map(|word| word.text.to_uppercase()).collect()
    }

    /// Words of one line; the reader goes on behind them.
    pub fn line(&mut self) -> Vec<Word<'t>> {
        let Some(first) = self.words.get(self.at).copied() else {
        //~! let Some(first) = self.words.get_mut(self.at) else {
            return Vec::new();
        };
        let begin = self.at;
        while self.words.get(self.at).is_some_and(|word| word.line == first.line) {
            self.at += 1;
        }
        self.words[begin..self.at].to_vec()
    }
}

pub fn normal(text: &str) -> String {
    let mut reader = Reader::new(text);
    let mut rows = Vec::new();
    loop {
        let row: Vec<&str> = reader.line().iter().map(|word| word.text).collect();
        if row.is_empty() {
            break;
        }
        rows.push(row.join(" "));
        //~! rows.push(row.join(" ")); ¶ drop(reader);
    }
    rows.join("\n")
}

/// Sums of the lengths, each half in a thread of its own.
pub fn total(words: Vec<String>) -> usize {
    let mut left = words;
    let right = left.split_off(left.len() / 2);
    let count = left.len() + right.len();
    let first = thread::spawn(move || left.iter().map(String::len).sum::<usize>());
    //~! let first = thread::spawn(|| left.iter().map(String::len).sum::<usize>());
    let second = thread::spawn(move || right.iter().map(String::len).sum::<usize>());
    //~! let second = thread::spawn(|| right.iter().map(String::len).sum::<usize>());
    let sum = first.join().unwrap_or(0) + second.join().unwrap_or(0);
    //~! let sum = first.join().unwrap_or(0) + second.join().unwrap_or(0) + left.len();
    sum + count
    //~! sum + count + right.len()
}

pub fn counter() -> impl FnMut() -> u32 {
    let mut count = 0;
    move || {
    //~! || {
        count += 1;
        count
    }
}

pub fn compose(first: String, second: String) -> Box<dyn Fn(&str) -> String> {
    let both = first.clone() + &second;
    //~! let both = first + &second;
    Box::new(move |text| format!("{both}{text}{first}{}", second.len()))
    //~! Box::new(|text| format!("{both}{text}{first}{}", second.len()))
}

pub fn edit(lines: &mut Vec<String>) -> usize {
    let first = lines.first().cloned().unwrap_or_default();
    //~! let first = lines.first();
    lines.push(format!("{first:?}"));
    let last = lines.len();
    //~! let last = lines.last();
    lines.retain(|line| !line.is_empty());
    lines.iter_mut().for_each(|line| line.push('.'));
    println!("{first:?} {last:?}");
    lines.len()
}

pub fn pick<'a>(left: &'a str, right: &'a str, wanted: char) -> &'a str {
//~! pub fn pick<'a>(left: &'a str, right: &str, wanted: char) -> &'a str {
    let score = |text: &str| text.chars().filter(|one| *one == wanted).count();
    if score(left) >= score(right) {
        left
        //~! left.to_string().trim_end()
    } else {
        right
        //~! let copy = right.to_string(); ¶ &copy
    }
}

pub fn longest_of(texts: Vec<String>) -> String {
    let mut best = String::new();
    for text in &texts {
    //~! for text in texts {
        if text.len() > best.len() {
            best = text.clone();
            //~! best = *text;
        }
    }
    format!("{best} of {}", texts.len())
    //~! drop(texts); ¶ format!("{best} of {}", texts.len())
}
== src/checks.rs
#[path = "lib.rs"]
mod subject;

use subject::{compose, counter, edit, longest_of, normal, pick, total, Reader, Word};

#[test]
fn readers() {
    let mut reader = Reader::new("a  bcd\n\ne");
    assert_eq!(reader.longest(), Some(Word { text: "bcd", line: 0 }));
    assert_eq!(reader.line().len(), 2);
    assert_eq!(reader.line(), [Word { text: "e", line: 2 }]);
    assert!(reader.line().is_empty());
    assert_eq!(reader.upper(), ["A", "BCD", "E"]);
    assert_eq!(normal("a  b\n\n c"), "a b\nc");
}

#[test]
fn owners() {
    assert_eq!(total(vec!["ab".into(), "c".into(), "".into()]), 6);
    let mut next = counter();
    assert_eq!((next(), next()), (1, 2));
    assert_eq!(compose("a".into(), "bc".into())("-"), "abc-a2");
    assert_eq!(longest_of(vec!["x".into(), "yz".into()]), "yz of 2");
}

#[test]
fn lenders() {
    let mut lines = vec!["a".to_string(), String::new()];
    assert_eq!(edit(&mut lines), 2);
    assert_eq!(lines, ["a.", "\"a\"."]);
    assert_eq!(pick("abc", "bcc", 'c'), "bcc");
    assert_eq!(pick("abc", "bcc", 'a'), "abc");
}
