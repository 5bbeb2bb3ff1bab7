@ ring_buffer
pub struct Ring {
    cells: Vec<Option<i64>>,
    at: usize,
}

impl Ring {
    pub fn new(size: usize) -> Ring {
        Ring { cells: vec![None; size], at: 0 }
        //~ Ring { cells: vec![None; size] }
    }

    pub fn put(&mut self, value: i64) {
    //~ pub fn put(&self, value: i64) {
        let size = self.cells.len();
        self.cells[self.at % size] = Some(value);
        //~ self.cells[self.at % size] = value;
        //~ cells[self.at % size] = Some(value);
        self.at += 1;
    }

    pub fn filled(&self) -> usize {
        self.cells.iter().filter(|cell| cell.is_some()).count()
        //~ self.cells.iter().filter(|cell| cell.is_some())
        //~ self.cell.iter().filter(|cell| cell.is_some()).count()
    }
}
@ matrix_struct
#[derive(Debug, Clone)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    cells: Vec<f64>,
}

impl Matrix {
    pub fn zero(rows: usize, columns: usize) -> Self {
        Matrix { rows, columns, cells: vec![0.0; rows * columns] }
        //~ Matrix { rows, columns, cells: vec![0; rows * columns] }
        //~ Matrix { rows, cells: vec![0.0; rows * columns] }
    }

    pub fn get(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.columns + column]
        //~ self.cells[row * columns + column]
        //~ self.cells(row * self.columns + column)
    }

    pub fn set(&mut self, row: usize, column: usize, value: f64) {
        let at = row * self.columns + column;
        //~ let at = row * self.columns + columns;
        self.cells[at] = value;
    }

    pub fn size(&self) -> (usize, usize) {
    //~ pub fn size(&self) -> usize {
        (self.rows, self.columns)
    }
}
@ priority_list
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
//~ #[derive(Debug, Clone)]
pub enum Priority {
    Low,
    Normal,
    High,
}

pub fn sorted(list: &[Priority]) -> Vec<Priority> {
    let mut copy = list.to_vec();
    copy.sort();
    copy
}

pub fn weight(priority: &Priority) -> u32 {
    match priority {
        Priority::Low => 1,
        Priority::Normal => 5,
        Priority::High => 9,
        //~ -
        //~ Priority::High() => 9,
    }
}
@ logger_trait
pub trait Logger {
    fn log(&mut self, text: &str);
    fn count(&self) -> usize;
    //~ -
}

#[derive(Default)]
pub struct MemoryLogger {
    lines: Vec<String>,
}

impl Logger for MemoryLogger {
    fn log(&mut self, text: &str) {
    //~ fn log(&self, text: &str) {
        self.lines.push(text.to_string());
        //~ self.lines.push(text);
    }

    fn count(&self) -> usize {
    //~ fn counts(&self) -> usize {
        self.lines.len()
    }
}

pub fn work(logger: &mut dyn Logger) -> usize {
//~ pub fn work(logger: &dyn Logger) -> usize {
    logger.log("begin");
    logger.log("end");
    logger.count()
}

pub fn sample() -> usize {
    let mut logger = MemoryLogger::default();
    //~ let logger = MemoryLogger::default();
    work(&mut logger)
    //~ work(&logger)
    //~ work(logger)
}
@ visitor_generic
pub trait Visitor {
    type Output;
    fn visit(&mut self, value: i64) -> Self::Output;
    //~ fn visit(&mut self, value: i64) -> Output;
}

pub struct Doubler {
    seen: usize,
}

impl Visitor for Doubler {
    type Output = i64;
    //~ -
    fn visit(&mut self, value: i64) -> i64 {
        self.seen += 1;
        value * 2
        //~ Some(value * 2)
    }
}

pub fn run<V: Visitor>(visitor: &mut V, values: &[i64]) -> Vec<V::Output> {
//~ pub fn run<V>(visitor: &mut V, values: &[i64]) -> Vec<V::Output> {
    let mut out = Vec::new();
    for value in values {
        out.push(visitor.visit(*value));
        //~ out.push(visitor.visit(value));
    }
    out
}
@ cache_map
use std::collections::HashMap;
pub struct Cache {
    known: HashMap<u32, String>,
    hits: usize,
}

impl Cache {
    pub fn get(&mut self, key: u32) -> String {
        if let Some(found) = self.known.get(&key) {
        //~ if let Some(found) = self.known.get(key) {
            self.hits += 1;
            return found.clone();
            //~ return found;
        }
        let made = format!("item {}", key);
        self.known.insert(key, made.clone());
        //~ self.known.insert(key, made);
        //~ self.known.insert(key);
        made
    }
}
@ text_statistics
pub struct Statistics {
    pub words: usize,
    pub letters: usize,
    pub longest: String,
}

pub fn analyse(text: &str) -> Statistics {
    let mut words = 0;
    //~ let words = 0;
    let mut letters = 0;
    let mut longest = String::new();
    for word in text.split_whitespace() {
        words += 1;
        letters += word.chars().count();
        //~ letters += word.chars();
        if word.len() > longest.len() {
            longest = word.to_string();
            //~ longest = word;
        }
    }
    Statistics { words, letters, longest }
    //~ Statistics { words, letters }
    //~ Statistics { words, letters, long: longest }
}
@ shapes_enum_area
pub enum Figure {
    Circle(f64),
    Rectangle(f64, f64),
    Triangle { base: f64, height: f64 },
}

impl Figure {
    pub fn area(&self) -> f64 {
        match self {
            Figure::Circle(radius) => 3.14 * radius * radius,
            //~ Figure::Circle(radius, _) => 3.14 * radius * radius,
            //~ Figure::Circle => 3.14,
            Figure::Rectangle(width, height) => width * height,
            //~ Figure::Rectangle(width) => width * width,
            //~ Rectangle(width, height) => width * height,
            Figure::Triangle { base, height } => base * height / 2.0,
            //~ Figure::Triangle { base } => base / 2.0,
            //~ Figure::Triangle { base, height } => base * height / 2,
            //~ -
        }
    }
}

pub fn total(figures: &[Figure]) -> f64 {
    figures.iter().map(|figure| figure.area()).sum()
    //~ figures.iter().map(|figure| figure.area).sum()
    //~ figures.iter().map(|figure| area(figure)).sum()
}
@ expression_tree
pub enum Tree {
    Leaf(i64),
    Plus(Box<Tree>, Box<Tree>),
    //~ Plus(Tree, Tree),
    Minus(Box<Tree>, Box<Tree>),
}

pub fn value(tree: &Tree) -> i64 {
    match tree {
        Tree::Leaf(number) => *number,
        //~ Tree::Leaf(number) => number,
        Tree::Plus(left, right) => value(left) + value(right),
        //~ Tree::Plus(left) => value(left),
        //~ Tree::Plus(left, right) => value(left) + right,
        Tree::Minus(left, right) => value(left) - value(right),
        //~ -
    }
}

pub fn sample() -> i64 {
    let tree = Tree::Plus(Box::new(Tree::Leaf(3)), Box::new(Tree::Leaf(4)));
    //~ let tree = Tree::Plus(Tree::Leaf(3), Box::new(Tree::Leaf(4)));
    value(&tree)
    //~ value(tree)
}
@ borrow_then_update
pub struct Score {
    pub points: Vec<i64>,
    pub best: i64,
}

impl Score {
    pub fn add(&mut self, value: i64) {
        self.points.push(value);
        let top = self.points.iter().max().copied().unwrap_or(0);
        //~ let top = self.points.iter().max().unwrap_or(&0);
        self.best = top;
        self.points.retain(|each| *each > 0);
    }
}
@ keep_reference_while_growing
pub fn log_all(lines: &mut Vec<String>, extra: &str) -> usize {
    let first = lines[0].clone();
    //~ let first = &lines[0];
    lines.push(extra.to_string());
    //~ lines.push(extra);
    first.len() + lines.len()
}
@ key_reference
use std::collections::HashMap;
pub fn bump(table: &mut HashMap<String, i64>, key: &str) -> i64 {
    let old = table.get(key).copied().unwrap_or(0);
    //~ let old = table.get(key).unwrap_or(&0);
    table.insert(key.to_string(), old + 3);
    //~ table.insert(key, old + 3);
    old
}
@ two_mutable
pub fn exchange(left: &mut Vec<i64>, right: &mut Vec<i64>) {
    let moved = left.pop().unwrap_or(0);
    //~ let moved = left.pop();
    right.push(moved);
    left.push(7);
}

pub fn sample() -> usize {
    let mut one = vec![3, 4];
    //~ let one = vec![3, 4];
    let mut two = vec![5];
    exchange(&mut one, &mut two);
    //~ exchange(&mut one, &mut one);
    //~ exchange(&mut one, &two);
    one.len() + two.len()
}
@ split_borrow
pub fn balance(values: &mut [i64]) {
    let middle = values.len() / 2;
    let (left, right) = values.split_at_mut(middle);
    //~ let left = &mut values[..middle]; let right = &mut values[middle..];
    left[0] += 1;
    right[0] -= 1;
}
@ moved_in_loop
pub fn tags(prefix: String, count: usize) -> Vec<String> {
    let mut out = Vec::new();
    for _ in 0..count {
        out.push(prefix.clone());
        //~ out.push(prefix);
    }
    out
}
@ moved_into_struct
pub struct Note {
    pub title: String,
    pub body: String,
}

pub fn note(title: String) -> Note {
    let body = format!("about {}", title);
    Note { title, body }
    //~ Note { title: &title, body }
}

pub fn twice(title: String) -> (Note, Note) {
    let first = note(title.clone());
    //~ let first = note(title);
    let second = note(title);
    (first, second)
}
@ moved_option
pub fn pick(name: Option<String>) -> String {
    let size = name.as_ref().map(|text| text.len()).unwrap_or(0);
    //~ let size = name.map(|text| text.len()).unwrap_or(0);
    let text = name.unwrap_or_default();
    format!("{} {}", size, text)
}
@ moved_vec_loop
pub fn lengths(words: Vec<String>) -> (usize, usize) {
    let mut total = 0;
    for word in &words {
    //~ for word in words {
        total += word.len();
    }
    (total, words.len())
}
@ drop_while_borrowed
pub fn closing() -> usize {
    let text = String::from("open");
    let size = text.len();
    //~ let size = &text;
    drop(text);
    size + 3
}
@ move_while_borrowed
pub fn deliver(parcel: String) -> usize {
    parcel.len()
}

pub fn send() -> usize {
    let parcel = String::from("box");
    let label = parcel.clone();
    //~ let label = &parcel;
    let weight = deliver(parcel);
    weight + label.len()
}
@ move_borrowed_vec
pub fn finish(values: Vec<i64>) -> i64 {
    let least = values[0];
    //~ let least = &values[0];
    let all = values;
    all.len() as i64 + least
}
@ index_move
pub struct Entry {
    pub key: String,
    pub value: i64,
}

pub fn first_key(entries: &[Entry]) -> String {
    entries[0].key.clone()
    //~ entries[0].key
}

pub fn keys(entries: &Vec<Entry>) -> Vec<String> {
    let mut out = Vec::new();
    for entry in entries.iter() {
        out.push(entry.key.clone());
        //~ out.push(entry.key);
    }
    out
}
@ rc_content
use std::rc::Rc;
pub fn owned(name: &Rc<String>) -> String {
    let inner: String = name.as_ref().clone();
    //~ let inner: String = *name.as_ref();
    inner
}

pub fn share(name: &str) -> (Rc<String>, Rc<String>) {
    let one = Rc::new(name.to_string());
    //~ let one = Rc::new(name);
    let two = Rc::clone(&one);
    //~ let two = Rc::clone(one);
    (one, two)
}
@ returned_slice
pub fn head(values: &[i64], count: usize) -> &[i64] {
    let end = count.min(values.len());
    &values[..end]
    //~ values[..end]
}

pub fn tail(text: &str) -> &str {
    text.trim_start()
    //~ &text.trim_start().to_string()
    //~ text.trim_start().to_string()
}
@ returned_local
pub fn numbers(count: i64) -> Vec<i64> {
//~ pub fn numbers(count: i64) -> &[i64] {
    let mut out = Vec::new();
    for number in 0..count {
        out.push(number * 3);
    }
    out
    //~ &out[..]
}
@ returned_map_entry
use std::collections::HashMap;
pub fn value(table: &HashMap<String, String>, key: &str) -> String {
    let found = table.get(key).cloned().unwrap_or_default();
    found
    //~ &found
}
@ reference_outlives
pub fn choose(flag: bool) -> String {
    let long = String::from("long");
    let short = String::from("short");
    let chosen: &String = if flag { &long } else { &short };
    //~2 let chosen: &String = { let short = String::from("short"); &short };
    chosen.clone()
}
@ block_value
pub fn best_score() -> i64 {
    let scores = vec![3, 7, 5];
    let top = scores.iter().max().unwrap();
    //~2 let top = { ¶     let scores = vec![3, 7, 5]; ¶     scores.iter().max().unwrap() ¶ };
    *top
}
@ spawn_names
use std::thread;
pub fn shout_all(names: Vec<String>) -> usize {
    let worker = thread::spawn(move || {
    //~ let worker = thread::spawn(|| {
        let mut size = 0;
        for name in &names {
            size += name.len();
        }
        size
    });
    worker.join().unwrap_or(0)
}
@ returned_closure_text
pub fn greeter(name: String) -> impl Fn() -> String {
    move || format!("hello {}", name)
    //~ || format!("hello {}", name)
}

pub fn counter() -> impl FnMut() -> i64 {
    let mut count = 0;
    move || {
    //~ || {
        count += 1;
        count
    }
}
@ boxed_filters
pub fn above(limit: i64) -> Box<dyn Fn(&i64) -> bool> {
    Box::new(move |value| *value > limit)
    //~ Box::new(|value| *value > limit)
    //~ Box::new(move |value| value > limit)
}

pub fn kept(values: &[i64], limit: i64) -> Vec<i64> {
    let test = above(limit);
    values.iter().copied().filter(|value| test(value)).collect()
    //~ values.iter().copied().filter(|value| test(*value)).collect()
}
@ early_return
pub fn search(values: &[i64], low: i64) -> Result<i64, String> {
    for value in values {
        if *value > low {
            return Ok(*value);
            //~ return Ok(value);
            //~ return *value;
        }
    }
    Err(format!("none above {}", low))
    //~ format!("none above {}", low)
    //~ None
}
@ question_mark_option
pub fn second_letter(text: &str) -> Option<char> {
//~ pub fn second_letter(text: &str) -> char {
    let mut letters = text.chars();
    //~ let letters = text.chars();
    letters.next()?;
    let second = letters.next()?;
    Some(second.to_ascii_uppercase())
    //~ second.to_ascii_uppercase()
}
@ question_mark_result
pub fn sum_texts(left: &str, right: &str) -> Result<i64, std::num::ParseIntError> {
//~ pub fn sum_texts(left: &str, right: &str) -> i64 {
    let one: i64 = left.parse()?;
    //~ let one: i64 = left.parse();
    let two: i64 = right.parse()?;
    Ok(one + two)
    //~ one + two
}
@ while_let_stack
pub fn unwind(mut stack: Vec<i64>) -> i64 {
//~ pub fn unwind(stack: Vec<i64>) -> i64 {
    let mut total = 0;
    while let Some(top) = stack.pop() {
    //~ while let top = stack.pop() {
    //~ while Some(top) = stack.pop() {
        total += top;
        //~ total += stack;
    }
    total
}
@ labelled_loop
pub fn find_pair(values: &[i64], sum: i64) -> Option<(i64, i64)> {
    for left in values {
        for right in values {
            if left + right == sum {
                return Some((*left, *right));
                //~ return Some(*left, *right);
                //~ return Some((left, right));
            }
        }
    }
    None
}
@ loop_value
pub fn halvings(start: u64) -> u64 {
    let mut now = start;
    let mut steps = 0;
    let result = loop {
        if now < 2 {
            break steps;
        }
        now /= 2;
        steps += 1;
        //~ step += 1;
    };
    result
}
@ tuple_struct
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grams(pub u32);

impl Grams {
    pub fn plus(self, other: Grams) -> Grams {
        Grams(self.0 + other.0)
        //~ Grams(self.0 + other)
        //~ Grams { self.0 + other.0 }
        //~ self.0 + other.0
    }
}

pub fn parcel() -> bool {
    let total = Grams(40).plus(Grams(2));
    //~ let total = Grams(40).plus(2);
    //~ let total = Grams(40, 2).plus(Grams(2));
    total == Grams(42)
    //~ total == 42
}
@ constants_and_statics
pub const NAMES: [&str; 3] = ["red", "green", "blue"];
//~ pub const NAMES: [&str; 2] = ["red", "green", "blue"];
//~ pub const NAMES: [String; 3] = ["red", "green", "blue"];
pub static MAXIMUM: u32 = 75;
//~ pub static MAXIMUM = 75;

pub fn name(at: usize) -> &'static str {
    NAMES[at % NAMES.len()]
    //~ names[at % NAMES.len()]
}

pub fn below(value: u32) -> bool {
    value < MAXIMUM
}
@ module_tree
pub mod geometry {
    pub mod flat {
        pub fn square(side: u32) -> u32 {
        //~ fn square(side: u32) -> u32 {
            side * side
        }
    }

    pub fn cube(side: u32) -> u32 {
        flat::square(side) * side
        //~ square(side) * side
        //~ flats::square(side) * side
    }
}

pub fn sizes(side: u32) -> (u32, u32) {
    (geometry::flat::square(side), geometry::cube(side))
    //~ (geometry::square(side), geometry::cube(side))
    //~ (geometry::flat::square(side), cube(side))
}
@ use_inside
pub mod tools {
    #[derive(Debug, Clone)]
    pub struct Tool {
        pub name: String,
    }

    pub fn make(name: &str) -> Tool {
        Tool { name: name.to_string() }
    }
}

use tools::Tool;
//~ use tool::Tool;
//~ use tools::Tools;
//~ -
pub fn pair() -> (Tool, Tool) {
    let one = tools::make("saw");
    let two = one.clone();
    //~ let two = one;
    (one, two)
}
@ associated_constants
pub trait Animal {
    const LEGS: u32;
    fn name(&self) -> String;
}

pub struct Spider;

impl Animal for Spider {
    const LEGS: u32 = 8;
    //~ -
    fn name(&self) -> String {
        "spider".to_string()
        //~ "spider"
    }
}

pub fn legs<A: Animal>(animals: &[A]) -> u32 {
//~ pub fn legs<A>(animals: &[A]) -> u32 {
    animals.len() as u32 * A::LEGS
    //~ animals.len() * A::LEGS
    //~ animals.len() as u32 * LEGS
}
@ generic_wrapper
pub struct Wrapper<T> {
    inner: T,
}

impl<T> Wrapper<T> {
    pub fn new(inner: T) -> Self {
        Wrapper { inner }
    }

    pub fn map<U, F: Fn(T) -> U>(self, change: F) -> Wrapper<U> {
    //~ pub fn map<U, F: Fn(T) -> U>(&self, change: F) -> Wrapper<U> {
        Wrapper { inner: change(self.inner) }
        //~ Wrapper { inner: change(inner) }
    }

    pub fn into_inner(self) -> T {
        self.inner
        //~ &self.inner
    }
}

pub fn sample() -> i64 {
    Wrapper::new(3).map(|value| value + 4).into_inner()
    //~ Wrapper::new(3).map(|value| value + 4).inner()
}
@ generic_function_bounds
use std::fmt::Debug;
pub fn dump<T: Debug>(values: &[T]) -> String {
//~ pub fn dump<T>(values: &[T]) -> String {
    let mut out = String::new();
    for value in values {
        out.push_str(&format!("{:?};", value));
        //~ out.push_str(format!("{:?};", value));
    }
    out
}
@ hash_by_key
use std::collections::HashMap;
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
//~ #[derive(Debug, Clone, PartialEq, Eq)]
//~ #[derive(Debug, Clone)]
pub enum Kind {
    Plant,
    Stone,
}

pub fn tally(kinds: &[Kind]) -> HashMap<Kind, usize> {
    let mut found = HashMap::new();
    for kind in kinds {
        *found.entry(kind.clone()).or_insert(0) += 1;
        //~ *found.entry(kind).or_insert(0) += 1;
    }
    found
}
@ group_by
use std::collections::BTreeMap;
pub fn by_length(words: &[&str]) -> BTreeMap<usize, Vec<String>> {
    let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    //~ let groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for word in words {
        groups.entry(word.len()).or_default().push(word.to_string());
        //~ groups.entry(word.len()).or_default().push(word);
    }
    groups
}
@ comparator
#[derive(Debug, Clone)]
pub struct Book {
    pub title: String,
    pub pages: u32,
}

pub fn thickest(books: &[Book]) -> Option<&Book> {
//~ pub fn thickest(books: &[Book]) -> Option<Book> {
//~ pub fn thickest(books: &[Book]) -> &Book {
    books.iter().max_by_key(|book| book.pages)
    //~ books.iter().max_by_key(|book| book.page)
    //~ books.max_by_key(|book| book.pages)
}

pub fn titles(books: &[Book]) -> Vec<&str> {
    books.iter().map(|book| book.title.as_str()).collect()
    //~ books.iter().map(|book| book.title).collect()
    //~ books.iter().map(|book| &book.title).collect()
}
@ neg_operator
use std::ops::{Neg, Sub};
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vector {
    pub x: f64,
    pub y: f64,
}

impl Neg for Vector {
    type Output = Vector;
    fn neg(self) -> Vector {
    //~ fn neg(&self) -> Vector {
        Vector { x: -self.x, y: -self.y }
        //~ Vector { x: -x, y: -self.y }
    }
}

impl Sub for Vector {
//~ impl Sub {
    type Output = Vector;
    //~ -
    fn sub(self, other: Vector) -> Vector {
        Vector { x: self.x - other.x, y: self.y - other.y }
        //~ Vector { x: self.x - other.x }
    }
}
@ index_operator
use std::ops::Index;
pub struct Board {
    fields: Vec<char>,
}

impl Index<usize> for Board {
//~ impl Index for Board {
    type Output = char;
    //~ -
    fn index(&self, at: usize) -> &char {
    //~ fn index(&self, at: usize) -> char {
        &self.fields[at]
        //~ self.fields[at]
    }
}

pub fn corner(board: &Board) -> char {
    board[0]
    //~ board(0)
    //~ &board[0]
}
@ try_from_impl
use std::convert::TryFrom;
pub struct Even(u32);

impl TryFrom<u32> for Even {
    type Error = String;
    //~ -
    fn try_from(value: u32) -> Result<Self, Self::Error> {
        if value % 2 == 0 {
            Ok(Even(value))
            //~ Even(value)
            //~ Some(Even(value))
        } else {
            Err(format!("{} is odd", value))
            //~ Err("odd")
        }
    }
}

pub fn read(value: u32) -> u32 {
    match Even::try_from(value) {
        Ok(even) => even.0,
        //~ Ok(even) => even,
        Err(_) => 0,
        //~ -
    }
}
@ error_with_display
use std::fmt;
#[derive(Debug)]
//~ -
pub struct Problem {
    pub line: usize,
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
        //~ write!(f, "line {}: {}", line, self.text)
        //~ format!("line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for Problem {}

pub fn fail(line: usize) -> Result<(), Box<dyn std::error::Error>> {
    Err(Box::new(Problem { line, text: "bad".to_string() }))
    //~ Err(Problem { line, text: "bad".to_string() })
    //~ Err(Box::new(Problem { line, text: "bad" }))
}
@ converted_errors
#[derive(Debug)]
pub enum ReadError {
    Number(std::num::ParseIntError),
    Empty,
}

impl From<std::num::ParseIntError> for ReadError {
    fn from(error: std::num::ParseIntError) -> Self {
        ReadError::Number(error)
        //~ ReadError::Number
        //~ Number(error)
    }
}

pub fn read(text: &str) -> Result<i64, ReadError> {
    if text.is_empty() {
        return Err(ReadError::Empty);
        //~ return ReadError::Empty;
    }
    let value = text.parse::<i64>()?;
    //~ let value = text.parse::<i64>();
    Ok(value)
    //~ value
}
@ default_impl
pub struct Options {
    pub width: u32,
    pub title: String,
}

impl Default for Options {
    fn default() -> Self {
        Options { width: 40, title: String::from("main") }
        //~ Options { width: 40, title: "main" }
        //~ Options { width: 40 }
        //~ Options { width: "40", title: String::from("main") }
    }
}

pub fn wide() -> Options {
    Options { width: 75, ..Default::default() }
    //~ Options { width: 75 }
}
@ mutable_references
pub fn increase(value: &mut i64, by: i64) {
//~ pub fn increase(value: &i64, by: i64) {
    *value += by;
    //~ value += by;
}

pub fn twice() -> i64 {
    let mut start = 3;
    //~ let start = 3;
    increase(&mut start, 4);
    //~ increase(&start, 4);
    //~ increase(start, 4);
    //~ increase(&mut start);
    increase(&mut start, 5);
    start
}
@ swap_fields
pub struct Pairing {
    pub left: String,
    pub right: String,
}

impl Pairing {
    pub fn swap(&mut self) {
    //~ pub fn swap(&self) {
        std::mem::swap(&mut self.left, &mut self.right);
        //~ std::mem::swap(&self.left, &mut self.right);
        //~ mem::swap(&mut self.left, &mut self.right);
    }

    pub fn take_left(&mut self) -> String {
        std::mem::take(&mut self.left)
        //~ self.left
    }
}
@ chained_iterators
pub fn common(left: &[String], right: &[String]) -> Vec<String> {
    left.iter()
        .filter(|name| right.contains(name))
        //~ .filter(|name| right.contains(**name))
        .cloned()
        //~ -
        .collect()
        //~ .collect
}

pub fn firsts(names: &[String]) -> Vec<char> {
    names.iter().flat_map(|name| name.chars().next()).collect()
    //~ names.iter().flat_map(|name| name.next()).collect()
}
@ fold_text
pub fn joined(parts: &[&str]) -> String {
    parts.iter().fold(String::new(), |mut text, part| {
    //~ parts.iter().fold(String::new(), |text, part| {
        if !text.is_empty() {
            text.push('-');
            //~ text.push("-");
        }
        text.push_str(part);
        //~ text.push(part);
        text
        //~ -
    })
}
@ window_changes
pub fn rises(values: &[i64]) -> usize {
    let mut count = 0;
    for pair in values.windows(2) {
        if pair[1] > pair[0] {
        //~ if pair.1 > pair.0 {
            count += 1;
        }
    }
    count
}

pub fn blocks(values: &[i64], size: usize) -> Vec<i64> {
    values.chunks(size).map(|block| block.iter().sum()).collect()
    //~ values.chunks(size).map(|block| block.sum()).collect()
    //~ values.chunks().map(|block| block.iter().sum()).collect()
}
@ bytes_checksum
pub fn checksum(text: &str) -> u32 {
    let mut sum: u32 = 0;
    for byte in text.bytes() {
        sum += byte as u32;
        //~ sum += byte;
    }
    sum % 75
}

pub fn hex(value: u8) -> String {
    format!("{:02x}", value)
    //~ format!("{:02x}")
}
@ casts
pub fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 0.0;
        //~ return 0;
    }
    part as f64 * 100.0 / whole as f64
    //~ part * 100.0 / whole as f64
    //~ part as f64 * 100 / whole as f64
}

pub fn bucket(value: f64, size: usize) -> usize {
    (value * size as f64) as usize
    //~ (value * size as f64)
    //~ (value * size) as usize
}
@ character_class
pub fn class(letter: char) -> &'static str {
    match letter {
        'a' | 'e' | 'i' | 'o' | 'u' => "vowel",
        //~ "a" | "e" => "vowel",
        '0'..='9' => "digit",
        _ => "other",
        //~ -
    }
}

pub fn vowels(text: &str) -> usize {
    text.chars().filter(|letter| class(*letter) == "vowel").count()
    //~ text.chars().filter(|letter| class(letter) == "vowel").count()
}
@ nested_options
pub struct Team {
    pub lead: Option<Member>,
}

pub struct Member {
    pub mail: Option<String>,
}

pub fn mail(team: &Team) -> Option<&str> {
//~ pub fn mail(team: &Team) -> &str {
    let lead = team.lead.as_ref()?;
    //~ let lead = team.lead?;
    lead.mail.as_deref()
    //~ lead.mail
    //~ lead.mail.as_ref()
}
@ weekday
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    Monday,
    Friday,
    Sunday,
}

impl Day {
    pub fn is_free(self) -> bool {
        matches!(self, Day::Sunday)
        //~ matches!(self, Sunday)
    }

    pub fn parse(text: &str) -> Option<Day> {
        match text {
            "mon" => Some(Day::Monday),
            //~ "mon" => Day::Monday,
            "fri" => Some(Day::Friday),
            "sun" => Some(Day::Sunday),
            //~ "sun" => Some(Day::Sundays),
            _ => None,
            //~ -
        }
    }
}

pub fn same(left: Day, right: Day) -> bool {
    left == right
    //~ left = right
}
@ timer
use std::time::Duration;
pub struct Timer {
    limit: Duration,
    used: Duration,
}

impl Timer {
    pub fn new(seconds: u64) -> Self {
        Timer { limit: Duration::from_secs(seconds), used: Duration::default() }
        //~ Timer { limit: seconds, used: Duration::default() }
        //~ Timer { limit: Duration::from_secs(seconds) }
    }

    pub fn spend(&mut self, millis: u64) -> bool {
    //~ pub fn spend(&self, millis: u64) -> bool {
        self.used += Duration::from_millis(millis);
        self.used < self.limit
        //~ self.used < limit
    }
}
@ simple_graph
use std::collections::{HashMap, HashSet};
//~ use std::collections::HashMap;
pub struct Graph {
    edges: HashMap<u32, Vec<u32>>,
}

impl Graph {
    pub fn connect(&mut self, from: u32, to: u32) {
        self.edges.entry(from).or_default().push(to);
        //~ self.edges.entry(from).push(to);
    }

    pub fn reachable(&self, start: u32) -> HashSet<u32> {
        let mut seen = HashSet::new();
        //~ let seen = HashSet::new();
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            if !seen.insert(node) {
                continue;
            }
            if let Some(next) = self.edges.get(&node) {
            //~ if let Some(next) = self.edges.get(node) {
                open.extend(next.iter().copied());
                //~ open.extend(next.iter().copy());
            }
        }
        seen
    }
}
@ state_update
#[derive(Debug)]
pub enum State {
    Idle,
    Running { speed: u32 },
    Broken(String),
}

impl State {
    pub fn faster(&mut self) {
        if let State::Running { speed } = self {
        //~ if let State::Running(speed) = self {
            *speed += 1;
            //~ speed += 1;
        }
    }

    pub fn text(&self) -> String {
        match self {
            State::Idle => "idle".into(),
            State::Running { speed } => format!("at {}", speed),
            //~ State::Running { rate } => format!("at {}", rate),
            State::Broken(why) => why.clone(),
            //~ State::Broken(why) => why,
            //~ State::Broken(why, _) => why.clone(),
            //~ -
        }
    }
}
@ fluent_query
#[derive(Debug, Clone, Default)]
pub struct Query {
    filters: Vec<String>,
    limit: Option<usize>,
}

impl Query {
    pub fn filter(mut self, text: impl Into<String>) -> Self {
    //~ pub fn filter(self, text: impl Into<String>) -> Self {
        self.filters.push(text.into());
        //~ self.filters.push(text);
        self
    }

    pub fn limit(mut self, count: usize) -> Self {
        self.limit = Some(count);
        //~ self.limit = count;
        self
        //~ -
    }
}
@ sum_types
pub fn price(base: f64, tax: f32, count: u32) -> f64 {
    let gross = base * (1.0 + tax as f64);
    //~ let gross = base * (1.0 + tax);
    //~ let gross = base * (1 + tax as f64);
    gross * count as f64
    //~ gross * count
}

pub fn offset(at: usize, by: i32) -> i32 {
    at as i32 + by
    //~ at + by
}
@ option_chain
pub fn extension(path: &str) -> Option<String> {
    path.rsplit('.').next().map(|part| part.to_lowercase())
    //~ path.rsplit('.').next().map(|part| part)
    //~ path.rsplit('.').map(|part| part.to_lowercase())
}

pub fn port(text: Option<&str>) -> u16 {
    text.and_then(|digits| digits.parse().ok()).unwrap_or(80)
    //~ text.and_then(|digits| digits.parse()).unwrap_or(80)
    //~ text.map(|digits| digits.parse().ok()).unwrap_or(80)
}
