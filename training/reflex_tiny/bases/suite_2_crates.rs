@ v_inventory_crate
== src/lib.rs
//! A warehouse that moves goods between shelves.

pub mod error;
pub mod shelf;
pub mod warehouse;

pub use error::StockError;
//~! pub use error::StockErr;
pub use shelf::{Item, Shelf};
pub use warehouse::Warehouse;
== src/error.rs
use std::fmt;

/// Why goods could not be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
//~! #[derive(Debug, Clone)]
pub enum StockError {
    NoSuchShelf(String),
    NotEnough { wanted: u32, there: u32 },
    Full { limit: u32 },
}

impl fmt::Display for StockError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StockError::NoSuchShelf(name) => write!(out, "no shelf {name}"),
            StockError::NotEnough { wanted, there } => {
            //~! StockError::NotEnough { wanted } => {
                write!(out, "{wanted} wanted, {there} there")
            }
            StockError::Full { limit } => write!(out, "more than {limit}"),
            //~! StockError::Full(limit) => write!(out, "more than {limit}"),
            //~! -
        }
    }
}

impl std::error::Error for StockError {}
== src/shelf.rs
use crate::error::StockError;
use std::collections::BTreeMap;
//~! -

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub name: String,
    pub count: u32,
}

/// A shelf with a limit of pieces.
#[derive(Debug, Default)]
//~! #[derive(Debug)]
pub struct Shelf {
    items: BTreeMap<String, u32>,
    limit: u32,
}

impl Shelf {
    pub fn new(limit: u32) -> Self {
        Self { items: BTreeMap::new(), limit }
        //~! Self { limit, ..Default }
    }

    pub fn total(&self) -> u32 {
        self.items.values().sum()
        //~! self.items.values().sum::<u64>()
    }

    pub fn put(&mut self, name: &str, count: u32) -> Result<u32, StockError> {
    //~! pub fn put(&self, name: &str, count: u32) -> Result<u32, StockError> {
    //~! pub fn put(&mut self, name: &str, count: u32) -> Option<u32> {
        if self.total() + count > self.limit {
            return Err(StockError::Full { limit: self.limit });
        }
        let slot = self.items.entry(name.to_string()).or_insert(0);
        //~! let slot = self.items.entry(name).or_insert(0);
        *slot += count;
        //~! slot += count;
        Ok(*slot)
    }

    pub fn take(&mut self, name: &str, wanted: u32) -> Result<Item, StockError> {
        let there = self.items.get(name).copied().unwrap_or(0);
        //~! let there = self.items.get(name).unwrap_or(0);
        if there < wanted {
            return Err(StockError::NotEnough { wanted, there });
        }
        if there == wanted {
            self.items.remove(name);
        } else {
            self.items.insert(name.to_string(), there - wanted);
            //~! self.items.insert(name, there - wanted);
        }
        Ok(Item { name: name.to_string(), count: wanted })
        //~! Item { name: name.to_string(), count: wanted }
    }

    pub fn items(&self) -> impl Iterator<Item = Item> + '_ {
    //~! pub fn items(&self) -> impl Iterator<Item = &Item> + '_ {
        self.items.iter().map(|(name, count)| Item { name: name.clone(), count: *count })
        //~! self.items.iter().map(|(name, count)| Item { name, count })
    }
}
== src/warehouse.rs
use crate::error::StockError;
use crate::shelf::{Item, Shelf};
//~! use crate::shelf::Shelf;
use std::collections::HashMap;

#[derive(Debug, Default)]
pub struct Warehouse {
    shelves: HashMap<String, Shelf>,
}

impl Warehouse {
    pub fn add(&mut self, name: &str, shelf: Shelf) {
        self.shelves.insert(name.to_owned(), shelf);
    }

    pub fn shelf(&mut self, name: &str) -> Result<&mut Shelf, StockError> {
    //~! pub fn shelf(&self, name: &str) -> Result<&mut Shelf, StockError> {
        self.shelves.get_mut(name).ok_or_else(|| StockError::NoSuchShelf(name.to_string()))
        //~! self.shelves.get(name).ok_or_else(|| StockError::NoSuchShelf(name.to_string()))
        //~! self.shelves.get_mut(name).ok_or_else(|| StockError::NoSuchShelf(name))
    }

    /// Moves pieces, or leaves both shelves as they were.
    pub fn transfer(&mut self, from: &str, to: &str, name: &str, count: u32) -> Result<(), StockError> {
        if !self.shelves.contains_key(to) {
            return Err(StockError::NoSuchShelf(to.to_string()));
        }
        let taken = self.shelf(from)?.take(name, count)?;
        //~! let taken = self.shelf(from).take(name, count)?;
        //~! let source = self.shelf(from)?; ¶ let target = self.shelf(to)?; ¶ let taken = source.take(name, count)?; ¶ target.total();
        if let Err(error) = self.shelf(to)?.put(&taken.name, taken.count) {
        //~! if let Err(error) = self.shelf(to)?.put(taken.name, taken.count) {
            self.shelf(from)?.put(&taken.name, taken.count)?;
            return Err(error);
        }
        Ok(())
    }

    pub fn largest(&self) -> Option<(&str, Item)> {
        self.shelves
            .iter()
            .flat_map(|(name, shelf)| shelf.items().map(move |item| (name.as_str(), item)))
            //~! .flat_map(|(name, shelf)| shelf.items().map(|item| (name.as_str(), item)))
            .max_by_key(|(name, item)| (item.count, std::cmp::Reverse(*name)))
    }
}
== tests/behaviour.rs
use subject::{Shelf, StockError, Warehouse};

fn two() -> Warehouse {
    let mut house = Warehouse::default();
    let mut left = Shelf::new(10);
    left.put("bolt", 6).unwrap();
    left.put("nut", 2).unwrap();
    house.add("left", left);
    house.add("right", Shelf::new(4));
    house
}

#[test]
fn goods_are_moved() {
    let mut house = two();
    house.transfer("left", "right", "bolt", 3).unwrap();
    assert_eq!(house.shelf("left").unwrap().total(), 5);
    assert_eq!(house.shelf("right").unwrap().total(), 3);
    assert_eq!(house.largest().unwrap().1.count, 3);
}

#[test]
fn a_full_shelf_changes_nothing() {
    let mut house = two();
    let error = house.transfer("left", "right", "bolt", 5).unwrap_err();
    assert_eq!(error, StockError::Full { limit: 4 });
    assert_eq!(house.shelf("left").unwrap().total(), 8);
    assert_eq!(error.to_string(), "more than 4");
}

#[test]
fn what_is_not_there_is_told() {
    let mut house = two();
    assert_eq!(
        house.transfer("left", "right", "nut", 3),
        Err(StockError::NotEnough { wanted: 3, there: 2 })
    );
    assert_eq!(
        house.transfer("left", "middle", "nut", 1),
        Err(StockError::NoSuchShelf("middle".into()))
    );
}
@ v_tokenizer_crate
== src/lib.rs
//! Arithmetic: text to tokens, tokens to a tree, the tree to a number.

mod ast;
mod lexer;
mod parser;
//~! -

pub use ast::Expr;
pub use lexer::{tokens, Token};
pub use parser::{parse, ParseError};

/// Evaluates a text.
pub fn evaluate(text: &str) -> Result<f64, ParseError> {
    let tree = parse(text)?;
    //~! let tree = parse(text);
    tree.value().ok_or(ParseError::DivisionByZero)
    //~! tree.value()
}
== src/ast.rs
use crate::lexer::Token;

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Number(f64),
    Negated(Box<Expr>),
    //~! Negated(Expr),
    Binary { left: Box<Expr>, sign: Token, right: Box<Expr> },
}

impl Expr {
    pub fn binary(left: Expr, sign: Token, right: Expr) -> Expr {
        Expr::Binary { left: Box::new(left), sign, right: Box::new(right) }
        //~! Expr::Binary { left, sign, right }
        //~! Expr::Binary { left: Box::new(left), right: Box::new(right) }
    }

    /// The value; nothing when something is divided by zero.
    pub fn value(&self) -> Option<f64> {
    //~! pub fn value(self) -> Option<f64> {
        Some(match self {
            Expr::Number(number) => *number,
            //~! Expr::Number(number) => number,
            Expr::Negated(inner) => -inner.value()?,
            //~! Expr::Negated(inner) => -inner.value(),
            Expr::Binary { left, sign, right } => {
                let (left, right) = (left.value()?, right.value()?);
                match sign {
                    Token::Plus => left + right,
                    Token::Minus => left - right,
                    Token::Star => left * right,
                    Token::Slash if right == 0.0 => return None,
                    //~! Token::Slash if right == 0 => return None,
                    Token::Slash => left / right,
                    //~! -
                    Token::Number(_) | Token::Open | Token::Close => return None,
                    //~! Token::Number | Token::Open | Token::Close => return None,
                    //~! -
                }
            }
        })
    }
}
== src/lexer.rs
#[derive(Debug, Clone, Copy, PartialEq)]
//~! #[derive(Debug, PartialEq)]
pub enum Token {
    Number(f64),
    Plus,
    Minus,
    Star,
    Slash,
    Open,
    Close,
}

/// Splits a text; the place of the first character that fits nowhere is the error.
pub fn tokens(text: &str) -> Result<Vec<Token>, usize> {
    let mut found = Vec::new();
    //~! let found = Vec::new();
    let mut rest = text.char_indices().peekable();
    //~! let mut rest = text.char_indices();
    while let Some(&(at, letter)) = rest.peek() {
    //~! while let Some((at, letter)) = rest.peek() {
        let token = match letter {
            ' ' => {
                rest.next();
                continue;
            }
            '+' => Token::Plus,
            '-' => Token::Minus,
            '*' => Token::Star,
            '/' => Token::Slash,
            '(' => Token::Open,
            ')' => Token::Close,
            '0'..='9' => {
                let mut end = at;
                while let Some(&(next, digit)) = rest.peek() {
                    if !digit.is_ascii_digit() && digit != '.' {
                        break;
                    }
                    end = next + 1;
                    rest.next();
                }
                let number = text[at..end].parse().map_err(|_| at)?;
                //~! let number = text[at..end].parse()?;
                found.push(Token::Number(number));
                continue;
            }
            _ => return Err(at),
            //~! _ => return Err("letter"),
            //~! -
        };
        rest.next();
        found.push(token);
    }
    Ok(found)
    //~! found
}
== src/parser.rs
use crate::ast::Expr;
//~! -
use crate::lexer::{tokens, Token};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseError {
    BadLetter(usize),
    UnexpectedEnd,
    Unexpected(usize),
    DivisionByZero,
}

struct Parser<'t> {
//~! struct Parser {
    tokens: &'t [Token],
    //~! tokens: &[Token],
    at: usize,
}

pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let found = tokens(text).map_err(ParseError::BadLetter)?;
    //~! let found = tokens(text)?;
    let mut parser = Parser { tokens: &found, at: 0 };
    //~! let mut parser = Parser { tokens: found, at: 0 };
    //~! let parser = Parser { tokens: &found, at: 0 };
    let tree = parser.sum()?;
    if parser.at < found.len() {
        return Err(ParseError::Unexpected(parser.at));
    }
    Ok(tree)
}

impl<'t> Parser<'t> {
//~! impl Parser<'t> {
    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
        //~! self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, ParseError> {
    //~! fn next(&self) -> Result<Token, ParseError> {
        let token = self.peek().ok_or(ParseError::UnexpectedEnd)?;
        self.at += 1;
        Ok(token)
    }

    fn sum(&mut self) -> Result<Expr, ParseError> {
        let mut left = self.product()?;
        //~! let left = self.product()?;
        while let Some(sign @ (Token::Plus | Token::Minus)) = self.peek() {
            self.at += 1;
            left = Expr::binary(left, sign, self.product()?);
            //~! left = Expr::binary(left, self.product()?);
            //~! left = Expr::binary(&left, sign, self.product()?);
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expr, ParseError> {
        let mut left = self.factor()?;
        while let Some(sign @ (Token::Star | Token::Slash)) = self.peek() {
            self.at += 1;
            left = Expr::binary(left, sign, self.factor()?);
            //~! left = Expr::binary(left, sign, self.factor());
        }
        Ok(left)
    }

    fn factor(&mut self) -> Result<Expr, ParseError> {
        let at = self.at;
        match self.next()? {
            Token::Number(number) => Ok(Expr::Number(number)),
            //~! Token::Number(number) => Expr::Number(number),
            Token::Minus => Ok(Expr::Negated(Box::new(self.factor()?))),
            //~! Token::Minus => Ok(Expr::Negated(self.factor()?)),
            Token::Open => {
                let inner = self.sum()?;
                match self.next()? {
                    Token::Close => Ok(inner),
                    _ => Err(ParseError::Unexpected(self.at - 1)),
                }
            }
            _ => Err(ParseError::Unexpected(at)),
            //~! -
        }
    }
}
== tests/behaviour.rs
use subject::{evaluate, parse, tokens, Expr, ParseError, Token};

#[test]
fn values() {
    assert_eq!(evaluate("1 + 2 * 3"), Ok(7.0));
    assert_eq!(evaluate("(1 + 2) * 3"), Ok(9.0));
    assert_eq!(evaluate("-(4 - 6) / 0.5"), Ok(4.0));
    assert_eq!(evaluate("10 - 4 - 3"), Ok(3.0));
}

#[test]
fn faults() {
    assert_eq!(evaluate("1 / 0"), Err(ParseError::DivisionByZero));
    assert_eq!(evaluate("1 +"), Err(ParseError::UnexpectedEnd));
    assert_eq!(evaluate("2 x"), Err(ParseError::BadLetter(2)));
    assert_eq!(evaluate("(1 + 2"), Err(ParseError::UnexpectedEnd));
    assert_eq!(evaluate("1 2"), Err(ParseError::Unexpected(1)));
}

#[test]
fn pieces() {
    assert_eq!(tokens("3*("), Ok(vec![Token::Number(3.0), Token::Star, Token::Open]));
    assert_eq!(parse("-5"), Ok(Expr::Negated(Box::new(Expr::Number(5.0)))));
}
@ v_event_bus_crate
== src/lib.rs
//! Listeners are told of events by topic.

pub mod bus;
pub mod event;
pub mod log;

pub use bus::{Bus, Listener};
pub use event::{Event, Payload};
pub use log::Recorder;
== src/event.rs
use std::time::Duration;
//~! -

#[derive(Debug, Clone, PartialEq)]
//~! #[derive(Debug, PartialEq)]
pub enum Payload {
    Text(String),
    Count(u64),
    Waited(Duration),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub topic: String,
    pub payload: Payload,
}

impl Event {
    pub fn new(topic: impl Into<String>, payload: Payload) -> Self {
        Event { topic: topic.into(), payload }
        //~! Event { topic, payload }
    }

    pub fn weight(&self) -> u64 {
        match &self.payload {
        //~! match self.payload {
            Payload::Text(text) => text.len() as u64,
            //~! Payload::Text(text) => text.len(),
            Payload::Count(count) => *count,
            Payload::Waited(time) => time.as_secs(),
            //~! -
        }
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Payload::Text(text.to_string())
        //~! Payload::Text(text)
    }
}

impl From<u64> for Payload {
    fn from(count: u64) -> Self {
        Payload::Count(count)
    }
}
== src/bus.rs
use crate::event::{Event, Payload};
use std::collections::HashMap;

/// Hears of events.
pub trait Listener {
    fn hear(&mut self, event: &Event);
    //~! fn hear(&self, event: &Event);
    //~! fn hear(&mut self, event: Event);

    fn name(&self) -> String {
        String::from("unnamed")
        //~! "unnamed"
    }
}

#[derive(Default)]
pub struct Bus {
    listeners: HashMap<String, Vec<Box<dyn Listener>>>,
    //~! listeners: HashMap<String, Vec<dyn Listener>>,
    //~! listeners: HashMap<String, Vec<Box<Listener<'a>>>>,
    sent: usize,
}

impl Bus {
    pub fn listen(&mut self, topic: &str, listener: impl Listener + 'static) {
    //~! pub fn listen(&mut self, topic: &str, listener: impl Listener) {
    //~! pub fn listen(&mut self, topic: &str, listener: Listener) {
        self.listeners.entry(topic.to_string()).or_default().push(Box::new(listener));
        //~! self.listeners.entry(topic.to_string()).or_default().push(listener);
    }

    /// Tells everybody who wants to know; returns how many that were.
    pub fn send(&mut self, topic: &str, payload: impl Into<Payload>) -> usize {
    //~! pub fn send(&mut self, topic: &str, payload: Payload) -> usize {
        let event = Event::new(topic, payload.into());
        //~! let event = Event::new(topic, payload);
        let mut told = 0;
        //~! let told = 0;
        for listener in self.listeners.get_mut(topic).into_iter().flatten() {
        //~! for listener in self.listeners.get(topic).into_iter().flatten() {
            listener.hear(&event);
            //~! listener.hear(event);
            told += 1;
        }
        self.sent += 1;
        told
    }

    pub fn sent(&self) -> usize {
        self.sent
    }

    pub fn names(&self, topic: &str) -> Vec<String> {
        match self.listeners.get(topic) {
            Some(found) => found.iter().map(|listener| listener.name()).collect(),
            //~! Some(found) => found.iter().map(|listener| listener.name()),
            None => Vec::new(),
        }
    }
}
== src/log.rs
use crate::bus::Listener;
//~! -
use crate::event::Event;
use std::cell::RefCell;
use std::rc::Rc;

/// Keeps what it heard; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    heard: Rc<RefCell<Vec<Event>>>,
    //~! heard: Rc<Vec<Event>>,
    //~! heard: RefCell<Vec<Event>>,
}

impl Recorder {
    pub fn heard(&self) -> Vec<Event> {
        self.heard.borrow().clone()
        //~! self.heard.clone()
        //~! self.heard.borrow()
    }

    pub fn weight(&self) -> u64 {
        self.heard.borrow().iter().map(Event::weight).sum()
        //~! self.heard.borrow().iter().map(Event::weight()).sum()
        //~! self.heard.iter().map(Event::weight).sum()
    }
}

impl Listener for Recorder {
    fn hear(&mut self, event: &Event) {
        self.heard.borrow_mut().push(event.clone());
        //~! self.heard.borrow_mut().push(event);
        //~! self.heard.push(event.clone());
    }

    fn name(&self) -> String {
        format!("recorder of {}", self.heard.borrow().len())
    }
}
== tests/behaviour.rs
use std::time::Duration;
use subject::{Bus, Event, Listener, Payload, Recorder};

struct Silent;

impl Listener for Silent {
    fn hear(&mut self, _: &Event) {}
}

#[test]
fn listeners_hear_their_topic_only() {
    let recorder = Recorder::default();
    let mut bus = Bus::default();
    bus.listen("a", recorder.clone());
    bus.listen("a", Silent);
    assert_eq!(bus.send("a", "hello"), 2);
    assert_eq!(bus.send("b", 7), 0);
    assert_eq!(bus.send("a", Payload::Waited(Duration::from_secs(3))), 2);
    assert_eq!(bus.sent(), 3);
    assert_eq!(recorder.heard()[0], Event::new("a", Payload::Text("hello".into())));
    assert_eq!(recorder.weight(), 8);
    assert_eq!(bus.names("a"), ["recorder of 2", "unnamed"]);
}
@ v_matrix_crate
== src/lib.rs
//! Matrices over any numbers.

mod matrix;
mod number;
mod ops;

pub use matrix::{Matrix, ShapeError};
pub use number::Number;
//~! pub use numbers::Number;
== src/number.rs
use std::ops::{Add, Mul};

/// What can be an entry.
pub trait Number: Copy + Add<Output = Self> + Mul<Output = Self> + PartialEq {
//~! pub trait Number: Copy + Add + Mul + PartialEq {
    const ZERO: Self;
    const ONE: Self;
}

impl Number for i64 {
    const ZERO: i64 = 0;
    const ONE: i64 = 1;
    //~! -
}

impl Number for f64 {
    const ZERO: f64 = 0.0;
    //~! const ZERO: f64 = 0;
    const ONE: f64 = 1.0;
}
== src/matrix.rs
use crate::number::Number;

#[derive(Debug, Clone, PartialEq)]
pub struct Matrix<T> {
    rows: usize,
    columns: usize,
    cells: Vec<T>,
}

/// The shapes do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapeError {
    pub left: (usize, usize),
    pub right: (usize, usize),
}

impl<T: Number> Matrix<T> {
//~! impl Matrix<T> {
//~! impl<T> Matrix<T> {
    pub fn from_rows<const R: usize, const C: usize>(rows: [[T; C]; R]) -> Self {
    //~! pub fn from_rows<const R: usize>(rows: [[T; C]; R]) -> Self {
        Matrix { rows: R, columns: C, cells: rows.into_iter().flatten().collect() }
        //~! Matrix { rows: R, columns: C, cells: rows.into_iter().flatten() }
        //~! Matrix { rows: R, cells: rows.into_iter().flatten().collect() }
    }

    pub fn identity(size: usize) -> Self {
        let mut cells = vec![T::ZERO; size * size];
        //~! let mut cells = vec![0; size * size];
        for at in 0..size {
            cells[at * size + at] = T::ONE;
            //~! cells[at * size + at] = 1;
        }
        Matrix { rows: size, columns: size, cells }
    }

    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    pub fn get(&self, row: usize, column: usize) -> Option<T> {
        if column >= self.columns {
            return None;
        }
        self.cells.get(row * self.columns + column).copied()
        //~! self.cells.get(row * self.columns + column)
        //~! self.cells[row * self.columns + column]
    }

    pub fn transposed(&self) -> Self {
        let cells = (0..self.columns)
            .flat_map(|column| (0..self.rows).map(move |row| self.cells[row * self.columns + column]))
            //~! .flat_map(|column| (0..self.rows).map(|row| self.cells[row * self.columns + column]))
            //~! .map(|column| (0..self.rows).map(move |row| self.cells[row * self.columns + column]))
            .collect();
        Matrix { rows: self.columns, columns: self.rows, cells }
    }

    pub fn row(&self, at: usize) -> &[T] {
    //~! pub fn row(&self, at: usize) -> [T] {
        &self.cells[at * self.columns..(at + 1) * self.columns]
        //~! self.cells[at * self.columns..(at + 1) * self.columns]
    }

    pub fn times(&self, other: &Matrix<T>) -> Result<Matrix<T>, ShapeError> {
    //~! pub fn times(&self, other: Matrix<T>) -> Result<Matrix<T>, ShapeError> {
        if self.columns != other.rows {
            return Err(ShapeError { left: self.shape(), right: other.shape() });
            //~! return Err(ShapeError { left: self.shape, right: other.shape });
            //~! return ShapeError { left: self.shape(), right: other.shape() };
        }
        let turned = other.transposed();
        let mut cells = Vec::with_capacity(self.rows * other.columns);
        for row in 0..self.rows {
            for column in 0..other.columns {
                let pairs = self.row(row).iter().zip(turned.row(column));
                cells.push(pairs.fold(T::ZERO, |sum, (left, right)| sum + *left * *right));
                //~! cells.push(pairs.fold(T::ZERO, |sum, (left, right)| sum + left * right));
                //~! cells.push(pairs.fold(0, |sum, (left, right)| sum + *left * *right));
            }
        }
        Ok(Matrix { rows: self.rows, columns: other.columns, cells })
    }
}
== src/ops.rs
use crate::matrix::Matrix;
use crate::number::Number;
use std::ops::{Index, Mul};

impl<T: Number> Mul for &Matrix<T> {
//~! impl<T> Mul for &Matrix<T> {
    type Output = Matrix<T>;
    //~! -
    //~! type Output = Self;

    fn mul(self, other: Self) -> Matrix<T> {
    //~! fn mul(&self, other: Self) -> Matrix<T> {
        match self.times(other) {
            Ok(made) => made,
            Err(error) => panic!("{:?} times {:?}", error.left, error.right),
            //~! Err(error) => panic!("{} times {}", error.left, error.right),
        }
    }
}

impl<T: Number> Index<(usize, usize)> for Matrix<T> {
    type Output = T;

    fn index(&self, (row, column): (usize, usize)) -> &T {
    //~! fn index(&self, (row, column): (usize, usize)) -> T {
    //~! fn index(&self, row: usize, column: usize) -> &T {
        &self.row(row)[column]
        //~! self.row(row)[column]
    }
}
== tests/behaviour.rs
use subject::{Matrix, ShapeError};

#[test]
fn products() {
    let a = Matrix::from_rows([[1, 2], [3, 4], [5, 6]]);
    let b = Matrix::from_rows([[1, 0, 2], [0, 1, 1]]);
    assert_eq!(&a * &b, Matrix::from_rows([[1, 2, 4], [3, 4, 10], [5, 6, 16]]));
    assert_eq!(a.times(&a), Err(ShapeError { left: (3, 2), right: (3, 2) }));
    assert_eq!(&a * &Matrix::identity(2), a);
}

#[test]
fn entries() {
    let a = Matrix::from_rows([[0.5, 1.5], [2.5, 3.5]]);
    assert_eq!(a[(1, 0)], 2.5);
    assert_eq!(a.get(0, 2), None);
    assert_eq!(a.get(1, 1), Some(3.5));
    assert_eq!(a.transposed()[(0, 1)], 2.5);
    assert_eq!(a.row(0), [0.5, 1.5]);
}
@ v_cache_crate
== src/lib.rs
//! A cache that forgets what was not used for the longest time.

mod clock;
mod lru;

pub use clock::{Clock, Fixed};
pub use lru::{Lru, Statistics};
== src/clock.rs
use std::cell::Cell;
//~! -

/// Tells the time in seconds.
pub trait Clock {
    fn now(&self) -> u64;
    //~! fn now(&mut self) -> u64;
}

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct Fixed {
    seconds: Cell<u64>,
    //~! seconds: u64,
}

impl Fixed {
    pub fn forward(&self, seconds: u64) {
        self.seconds.set(self.seconds.get() + seconds);
        //~! self.seconds.set(self.seconds + seconds);
        //~! self.seconds += seconds;
    }
}

impl Clock for Fixed {
    fn now(&self) -> u64 {
        self.seconds.get()
        //~! self.seconds
    }
}

impl<C: Clock + ?Sized> Clock for &C {
//~! impl<C> Clock for &C {
    fn now(&self) -> u64 {
        (**self).now()
    }
}
== src/lru.rs
use crate::clock::Clock;
use std::collections::HashMap;
use std::hash::Hash;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
//~! #[derive(Debug, Clone, Default)]
pub struct Statistics {
    pub hits: u32,
    pub misses: u32,
}

struct Entry<V> {
//~! struct Entry {
    value: V,
    used: u64,
    written: u64,
}

pub struct Lru<K, V, C> {
    entries: HashMap<K, Entry<V>>,
    //~! entries: HashMap<K, Entry>,
    clock: C,
    capacity: usize,
    lifetime: u64,
    turn: u64,
    statistics: Statistics,
}

impl<K, V, C> Lru<K, V, C>
where
    K: Eq + Hash + Clone,
    //~! K: Eq + Clone,
    //~! K: Eq + Hash,
    C: Clock,
    //~! -
{
    pub fn new(clock: C, capacity: usize, lifetime: u64) -> Self {
        Lru {
            entries: HashMap::new(),
            clock,
            capacity,
            lifetime,
            turn: 0,
            //~! -
            statistics: Statistics::default(),
        }
    }

    pub fn get(&mut self, key: &K) -> Option<&V> {
    //~! pub fn get(&self, key: &K) -> Option<&V> {
        let now = self.clock.now();
        self.turn += 1;
        let stale = match self.entries.get(key) {
            Some(entry) => now - entry.written >= self.lifetime,
            //~! Some(entry) => now - entry.writen >= self.lifetime,
            None => false,
        };
        if stale {
            self.entries.remove(key);
        }
        match self.entries.get_mut(key) {
        //~! match self.entries.get(key) {
            Some(entry) => {
                entry.used = self.turn;
                self.statistics.hits += 1;
                Some(&entry.value)
                //~! Some(entry.value)
            }
            None => {
                self.statistics.misses += 1;
                None
            }
        }
    }

    pub fn put(&mut self, key: K, value: V) -> Option<V> {
        self.turn += 1;
        if !self.entries.contains_key(&key) && self.entries.len() >= self.capacity {
        //~! if !self.entries.contains_key(key) && self.entries.len() >= self.capacity {
            self.forget_oldest();
        }
        let entry = Entry { value, used: self.turn, written: self.clock.now() };
        //~! let entry = Entry { value, used: self.turn };
        self.entries.insert(key, entry).map(|old| old.value)
        //~! self.entries.insert(key, entry)
        //~! self.entries.insert(&key, entry).map(|old| old.value)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
        //~! let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key);
        //~! let oldest = self.entries.iter().min_by_key(|entry| entry.used).map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.entries.remove(&key);
            //~! self.entries.remove(key);
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn statistics(&self) -> Statistics {
        self.statistics
    }
}
== tests/behaviour.rs
use subject::{Fixed, Lru, Statistics};

#[test]
fn the_oldest_is_forgotten() {
    let clock = Fixed::default();
    let mut cache = Lru::new(&clock, 2, 100);
    cache.put("a", 1);
    cache.put("b", 2);
    assert_eq!(cache.get(&"a"), Some(&1));
    cache.put("c", 3);
    assert_eq!(cache.get(&"b"), None);
    assert_eq!(cache.get(&"a"), Some(&1));
    assert_eq!(cache.len(), 2);
    assert_eq!(cache.statistics(), Statistics { hits: 2, misses: 1 });
}

#[test]
fn entries_grow_old() {
    let clock = Fixed::default();
    let mut cache = Lru::new(&clock, 4, 10);
    assert_eq!(cache.put(1, "x".to_string()), None);
    clock.forward(9);
    assert_eq!(cache.get(&1).map(String::as_str), Some("x"));
    clock.forward(1);
    assert_eq!(cache.get(&1), None);
    assert!(cache.is_empty());
    assert_eq!(cache.put(1, "y".to_string()), None);
    assert_eq!(cache.put(1, "z".to_string()), Some("y".to_string()));
}
@ v_router_workspace
== Cargo.toml
[workspace]
members = ["paths", "router"]
resolver = "2"
== paths/Cargo.toml
[package]
name = "paths"
version = "0.1.0"
edition = "2021"
== paths/src/lib.rs
//! Patterns of paths such as `/users/:id/files`.

/// One part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    Fixed(String),
    Named(String),
    Rest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let mut parts = Vec::new();
        let pieces: Vec<&str> = text.split('/').filter(|piece| !piece.is_empty()).collect();
        //~! let pieces: Vec<String> = text.split('/').filter(|piece| !piece.is_empty()).collect();
        //~! let pieces: Vec<&str> = text.split('/').filter(|piece| !piece.is_empty());
        for (at, piece) in pieces.iter().enumerate() {
        //~! for (at, piece) in pieces.iter() {
            if *piece == "*" {
            //~! if piece == "*" {
                if at + 1 < pieces.len() {
                    return Err(format!("`*` is not the end of {text}"));
                }
                parts.push(Part::Rest);
            } else if let Some(name) = piece.strip_prefix(':') {
                parts.push(Part::Named(name.to_string()));
                //~! parts.push(Part::Named(name));
            } else {
                parts.push(Part::Fixed(piece.to_string()));
            }
        }
        Ok(Pattern { parts })
    }

    /// Returns the values of the names, if the path fits.
    pub fn fit<'p>(&self, path: &'p str) -> Option<Vec<(String, &'p str)>> {
    //~! pub fn fit(&self, path: &str) -> Option<Vec<(String, &'p str)>> {
    //~! pub fn fit<'p>(&self, path: &str) -> Option<Vec<(String, &'p str)>> {
        let mut pieces = path.split('/').filter(|piece| !piece.is_empty());
        //~! let pieces = path.split('/').filter(|piece| !piece.is_empty());
        let mut values = Vec::new();
        for part in &self.parts {
        //~! for part in self.parts {
            match part {
                Part::Rest => return Some(values),
                //~! -
                Part::Fixed(wanted) => {
                    if pieces.next()? != wanted {
                        return None;
                    }
                }
                Part::Named(name) => values.push((name.clone(), pieces.next()?)),
                //~! Part::Named(name) => values.push((name, pieces.next()?)),
                //~! Part::Named(name) => values.push(name.clone(), pieces.next()?),
            }
        }
        if pieces.next().is_some() { None } else { Some(values) }
        //~! if pieces.next().is_some() { None } else { values }
    }

    /// Patterns with more fixed parts come first.
    pub fn rank(&self) -> (usize, usize) {
        let fixed = self.parts.iter().filter(|part| matches!(part, Part::Fixed(_))).count();
        //~! let fixed = self.parts.iter().filter(|part| matches!(part, Part::Fixed)).count();
        (fixed, self.parts.len())
    }
}
== router/Cargo.toml
[package]
name = "subject"
version = "0.1.0"
edition = "2021"

[dependencies]
paths = { path = "../paths" }
== router/src/lib.rs
//! Finds the handler of a path.

use paths::Pattern;
//~! use path::Pattern;
use std::collections::BTreeMap;

pub type Values = BTreeMap<String, String>;
pub type Handler = Box<dyn Fn(&Values) -> String>;
//~! pub type Handler = Box<Fn(&Values) -> String + 'h>;
//~! pub type Handler = fn(&Values) -> String;

#[derive(Default)]
pub struct Router {
    routes: Vec<(Pattern, Handler)>,
}

impl Router {
    pub fn route<F>(&mut self, pattern: &str, handler: F) -> Result<&mut Self, String>
    //~! pub fn route<F>(&mut self, pattern: &str, handler: F) -> Result<Self, String>
    where
        F: Fn(&Values) -> String + 'static,
        //~! F: Fn(&Values) -> String,
        //~! F: FnMut(&Values) -> String + 'static,
    {
        let pattern = Pattern::parse(pattern)?;
        //~! let pattern = Pattern::parse(pattern);
        self.routes.push((pattern, Box::new(handler)));
        //~! self.routes.push((pattern, handler));
        self.routes.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.rank()));
        //~! self.routes.sort_by_key(|pattern| std::cmp::Reverse(pattern.rank()));
        Ok(self)
    }

    pub fn answer(&self, path: &str) -> Option<String> {
        self.routes.iter().find_map(|(pattern, handler)| {
            let found = pattern.fit(path)?;
            let values: Values = found.into_iter().map(|(name, value)| (name, value.to_string())).collect();
            //~! let values: Values = found.into_iter().map(|(name, value)| (name, value)).collect();
            //~! let values = found.into_iter().map(|(name, value)| (name, value.to_string())).collect();
            Some(handler(&values))
            //~! Some(handler(values))
            //~! handler(&values)
        })
    }
}
== router/tests/behaviour.rs
use subject::Router;

#[test]
fn the_most_fixed_pattern_answers() {
    let mut router = Router::default();
    router
        .route("/users/:id", |values| format!("user {}", values["id"]))
        .unwrap()
        .route("/users/me", |_| "me".to_string())
        .unwrap()
        .route("/files/*", |_| "files".to_string())
        .unwrap();
    assert_eq!(router.answer("/users/7").as_deref(), Some("user 7"));
    assert_eq!(router.answer("/users/me").as_deref(), Some("me"));
    assert_eq!(router.answer("/files/a/b").as_deref(), Some("files"));
    assert_eq!(router.answer("/users"), None);
    assert!(router.route("/a/*/b", |_| String::new()).is_err());
}
