@ v_graph_crate
== src/lib.rs
//! Directed graphs with weights.

mod graph;
mod paths;

pub use graph::{Edge, Graph, NodeId};
pub use paths::{components, shortest, topological};
//~! pub use paths::{components, shortest_path, topological};
== src/graph.rs
use std::collections::HashMap;
use std::hash::Hash;
//~! -

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
//~! #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct NodeId(pub(crate) usize);
//~! pub struct NodeId(usize);

#[derive(Debug, Clone, Copy)]
pub struct Edge {
    pub to: NodeId,
    pub weight: u32,
}

#[derive(Debug)]
pub struct Graph<N> {
    pub(crate) nodes: Vec<N>,
    //~! nodes: Vec<N>,
    pub(crate) edges: Vec<Vec<Edge>>,
    ids: HashMap<N, NodeId>,
}

impl<N: Clone + Eq + Hash> Default for Graph<N> {
    fn default() -> Self {
        Graph { nodes: Vec::new(), edges: Vec::new(), ids: HashMap::new() }
        //~! Graph { nodes: Vec::new(), edges: Vec::new() }
    }
}

impl<N: Clone + Eq + Hash> Graph<N> {
//~! impl<N: Clone + Eq> Graph<N> {
//~! impl<N: Eq + Hash> Graph<N> {
    pub fn node(&mut self, name: N) -> NodeId {
    //~! pub fn node(&mut self, name: &N) -> NodeId {
        if let Some(&id) = self.ids.get(&name) {
        //~! if let Some(id) = self.ids.get(&name) {
        //~! if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let id = NodeId(self.nodes.len());
        //~! let id = self.nodes.len();
        self.nodes.push(name.clone());
        //~! self.nodes.push(name);
        self.edges.push(Vec::new());
        self.ids.insert(name, id);
        id
    }

    pub fn connect(&mut self, from: N, to: N, weight: u32) {
        let (from, to) = (self.node(from), self.node(to));
        //~! let (from, to) = (self.node(from), self.node());
        self.edges[from.0].push(Edge { to, weight });
        //~! self.edges[from].push(Edge { to, weight });
        //~! self.edges[from.0].push(Edge { from, to, weight });
    }

    pub fn id(&self, name: &N) -> Option<NodeId> {
        self.ids.get(name).copied()
        //~! self.ids.get(name)
    }

    pub fn name(&self, id: NodeId) -> &N {
        &self.nodes[id.0]
        //~! self.nodes[id.0]
    }

    pub fn neighbours(&self, id: NodeId) -> impl Iterator<Item = &Edge> + '_ {
        self.edges[id.0].iter()
        //~! self.edges[id.0]
    }
}
== src/paths.rs
use crate::graph::{Graph, NodeId};
use std::cmp::Reverse;
//~! -
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::hash::Hash;

/// The length and the nodes of the shortest way.
pub fn shortest<N>(graph: &Graph<N>, from: NodeId, to: NodeId) -> Option<(u32, Vec<&N>)>
//~! pub fn shortest<N>(graph: &Graph<N>, from: NodeId, to: NodeId) -> Option<(u32, Vec<N>)>
where
    N: Clone + Eq + Hash,
{
    let mut best: Vec<Option<(u32, NodeId)>> = vec![None; graph.nodes.len()];
    //~! let best: Vec<Option<(u32, NodeId)>> = vec![None; graph.nodes.len()];
    //~! let mut best: Vec<Option<(u32, NodeId)>> = vec![0; graph.nodes.len()];
    let mut heap = BinaryHeap::from([Reverse((0u32, from, from))]);
    while let Some(Reverse((length, at, before))) = heap.pop() {
    //~! while let Some((length, at, before)) = heap.pop() {
        if best[at.0].is_some() {
        //~! if best[at].is_some() {
            continue;
        }
        best[at.0] = Some((length, before));
        if at == to {
            break;
        }
        for edge in graph.neighbours(at) {
            heap.push(Reverse((length + edge.weight, edge.to, at)));
            //~! heap.push((length + edge.weight, edge.to, at));
            //~! heap.push(Reverse((length + edge.weight, edge, at)));
        }
    }
    let (length, _) = best[to.0]?;
    //~! let (length, _) = best[to.0];
    let mut way = vec![graph.name(to)];
    let mut at = to;
    //~! let at = to;
    while at != from {
        let (_, before) = best[at.0]?;
        way.push(graph.name(before));
        at = before;
    }
    way.reverse();
    Some((length, way))
    //~! Some((length, way.reverse()))
}

/// Nodes so that every edge leads forward; nothing for a graph with a circle.
pub fn topological<N: Clone + Eq + Hash>(graph: &Graph<N>) -> Option<Vec<NodeId>> {
//~! pub fn topological<N>(graph: &Graph<N>) -> Option<Vec<NodeId>> {
    let mut incoming = vec![0usize; graph.nodes.len()];
    for edge in graph.edges.iter().flatten() {
        incoming[edge.to.0] += 1;
        //~! incoming[edge.to] += 1;
    }
    let mut ready: VecDeque<usize> = (0..incoming.len()).filter(|&at| incoming[at] == 0).collect();
    //~! let mut ready: VecDeque<usize> = (0..incoming.len()).filter(|at| incoming[at] == 0).collect();
    let mut order = Vec::new();
    while let Some(at) = ready.pop_front() {
        order.push(NodeId(at));
        //~! order.push(at);
        for edge in &graph.edges[at] {
        //~! for edge in graph.edges[at] {
            let left = &mut incoming[edge.to.0];
            //~! let left = &incoming[edge.to.0];
            *left -= 1;
            if *left == 0 {
                ready.push_back(edge.to.0);
                //~! ready.push_back(edge.to);
            }
        }
    }
    (order.len() == incoming.len()).then_some(order)
    //~! if order.len() == incoming.len() { Some(order) }
}

/// The number of parts that no edge connects.
pub fn components<N: Clone + Eq + Hash>(graph: &Graph<N>) -> usize {
    let mut parent: Vec<usize> = (0..graph.nodes.len()).collect();
    fn root(parent: &mut [usize], at: usize) -> usize {
    //~! fn root(parent: &[usize], at: usize) -> usize {
        if parent[at] != at {
            let top = root(parent, parent[at]);
            parent[at] = top;
        }
        parent[at]
    }
    for (from, edges) in graph.edges.iter().enumerate() {
        for edge in edges {
            let (left, right) = (root(&mut parent, from), root(&mut parent, edge.to.0));
            //~! let (left, right) = (root(&parent, from), root(&parent, edge.to.0));
            //~! let (left, right) = (root(parent, from), root(parent, edge.to.0));
            parent[left] = right;
        }
    }
    let roots: HashSet<usize> = (0..parent.len()).map(|at| root(&mut parent, at)).collect();
    //~! let roots: HashSet<usize> = (0..parent.len()).map(|at| root(&mut parent, at));
    roots.len()
}
== tests/behaviour.rs
use subject::{components, shortest, topological, Graph};

fn roads() -> Graph<&'static str> {
    let mut graph = Graph::default();
    graph.connect("a", "b", 4);
    graph.connect("a", "c", 1);
    graph.connect("c", "b", 2);
    graph.connect("b", "d", 5);
    graph.connect("x", "y", 1);
    graph
}

#[test]
fn ways() {
    let graph = roads();
    let (a, d, x) = (graph.id(&"a").unwrap(), graph.id(&"d").unwrap(), graph.id(&"x").unwrap());
    assert_eq!(shortest(&graph, a, d), Some((8, vec![&"a", &"c", &"b", &"d"])));
    assert_eq!(shortest(&graph, a, x), None);
    assert_eq!(shortest(&graph, a, a), Some((0, vec![&"a"])));
}

#[test]
fn orders() {
    let mut graph = roads();
    let order = topological(&graph).unwrap();
    let place = |name: &'static str| order.iter().position(|id| *graph.name(*id) == name);
    assert!(place("a") < place("c") && place("c") < place("b") && place("b") < place("d"));
    assert_eq!(components(&graph), 2);
    graph.connect("d", "a", 1);
    assert_eq!(topological(&graph), None);
    graph.connect("d", "x", 1);
    assert_eq!(components(&graph), 1);
}
@ v_config_crate
== src/lib.rs
//! Reads `key = value` files with sections, over defaults.

mod reader;
mod value;

pub use reader::{Config, ConfigError};
pub use value::Value;
== src/value.rs
use std::convert::TryFrom;
use std::fmt;
//~! -

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Whole(i64),
    Switch(bool),
    List(Vec<Value>),
    //~! List(Vec<&Value>),
}

impl Value {
    pub fn read(text: &str) -> Value {
        let text = text.trim();
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        //~! if let Some(inner) = text.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            let parts = inner.split(',').map(str::trim).filter(|part| !part.is_empty());
            //~! let parts = inner.split(',').map(str::trim()).filter(|part| !part.is_empty());
            return Value::List(parts.map(Value::read).collect());
            //~! return Value::List(parts.map(Value::read));
        }
        match text {
            "on" | "true" => Value::Switch(true),
            "off" | "false" => Value::Switch(false),
            //~! "off" | false => Value::Switch(false),
            _ => match text.parse() {
                Ok(number) => Value::Whole(number),
                //~! Ok(number) => number,
                Err(_) => Value::Text(text.trim_matches('"').to_string()),
                //~! Err(_) => Value::Text(text.trim_matches('"')),
                //~! -
            },
        }
    }

    pub fn kind(&self) -> &'static str {
    //~! pub fn kind(&self) -> &'v str {
        match self {
            Value::Text(_) => "text",
            Value::Whole(_) => "whole number",
            //~! -
            Value::Switch(_) => "switch",
            Value::List(_) => "list",
            //~! Value::List => "list",
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Value::Text(text) => write!(out, "{text}"),
            Value::Whole(number) => write!(out, "{number}"),
            Value::Switch(on) => out.write_str(if *on { "on" } else { "off" }),
            //~! Value::Switch(on) => out.write_str(if on { "on" } else { "off" }),
            Value::List(values) => {
                let shown: Vec<String> = values.iter().map(ToString::to_string).collect();
                //~! let shown: Vec<&str> = values.iter().map(ToString::to_string).collect();
                write!(out, "[{}]", shown.join(", "))
                //~! write!(out, "[{}]", shown);
            }
        }
    }
}

macro_rules! conversion {
    ($variant:ident, $kind:ty) => {
        impl<'v> TryFrom<&'v Value> for $kind {
            type Error = String;

            fn try_from(value: &'v Value) -> Result<Self, String> {
                match value {
                    Value::$variant(inner) => Ok(inner.clone()),
                    other => Err(format!("{} where a {} is wanted", other.kind(), stringify!($kind))),
                    //~! other => Err(format!("{} where a {} is wanted", other.kind, stringify!($kind))),
                }
            }
        }
    };
}

conversion!(Text, String);
conversion!(Whole, i64);
//~! conversion!(Whole, i32);
conversion!(Switch, bool);
//~! -
== src/reader.rs
use crate::value::Value;
use std::collections::BTreeMap;

#[derive(Debug, PartialEq)]
pub enum ConfigError {
    Line { number: usize, text: String },
    Missing(String),
    Kind { key: String, told: String },
}

#[derive(Debug, Default, Clone)]
//~! #[derive(Debug, Clone)]
pub struct Config {
    values: BTreeMap<String, Value>,
}

impl Config {
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        //~! let config = Config::default();
        let mut section = String::new();
        //~! let mut section = "";
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            //~! let line = line.split('#').next().trim();
            if line.is_empty() {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = format!("{name}.");
                //~! section = name;
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
            //~! let (key, value) = line.split_once('=') else {
                return Err(ConfigError::Line { number: at + 1, text: line.to_string() });
                //~! return Err(ConfigError::Line { number: at + 1, text: line });
                //~! return Err(ConfigError::Line(at + 1, line.to_string()));
            };
            config.values.insert(format!("{section}{}", key.trim()), Value::read(value));
            //~! config.values.insert(key.trim(), Value::read(value));
        }
        Ok(config)
    }

    pub fn get<'c, T>(&'c self, key: &str) -> Result<T, ConfigError>
    //~! pub fn get<T>(&self, key: &str) -> Result<T, ConfigError>
    where
        T: TryFrom<&'c Value, Error = String>,
        //~! T: TryFrom<&'c Value>,
        //~! T: From<&'c Value>,
    {
        let value = self.values.get(key).ok_or_else(|| ConfigError::Missing(key.to_string()))?;
        //~! let value = self.values.get(key).ok_or_else(|| ConfigError::Missing(key))?;
        //~! let value = self.values.get(key).ok_or_else(|| ConfigError::Missing(key.to_string()));
        T::try_from(value).map_err(|told| ConfigError::Kind { key: key.to_string(), told })
        //~! T::try_from(value).map_err(|told| ConfigError::Kind { key, told })
    }

    /// What `self` has and `base` has otherwise, or not.
    pub fn changes<'c>(&'c self, base: &Config) -> Vec<(&'c str, &'c Value)> {
    //~! pub fn changes<'c>(&self, base: &Config) -> Vec<(&'c str, &'c Value)> {
    //~! pub fn changes(&self, base: &Config) -> Vec<(&str, &Value)> {
        self.values
            .iter()
            .filter(|(key, value)| base.values.get(*key) != Some(value))
            .map(|(key, value)| (key.as_str(), value))
            //~! .map(|(key, value)| (key.to_string(), value))
            .collect()
    }

    pub fn over(mut self, base: Config) -> Config {
    //~! pub fn over(self, base: Config) -> Config {
        for (key, value) in base.values {
            self.values.entry(key).or_insert(value);
            //~! self.values.entry(&key).or_insert(value);
        }
        self
    }
}
== tests/behaviour.rs
use subject::{Config, ConfigError, Value};

const TEXT: &str = "name = \"demo\"\n[net]\nport = 80 # usual\nfast = on\nhosts = [a, 2, ]\n";

#[test]
fn values_are_typed() {
    let config = Config::parse(TEXT).unwrap();
    assert_eq!(config.get::<String>("name"), Ok("demo".to_string()));
    assert_eq!(config.get::<i64>("net.port"), Ok(80));
    assert_eq!(config.get::<bool>("net.fast"), Ok(true));
    assert_eq!(config.get::<i64>("net.no"), Err(ConfigError::Missing("net.no".into())));
    assert_eq!(
        config.get::<bool>("net.port"),
        Err(ConfigError::Kind {
            key: "net.port".into(),
            told: "whole number where a bool is wanted".into()
        })
    );
}

#[test]
fn files_are_laid_over_each_other() {
    let base = Config::parse(TEXT).unwrap();
    let own = Config::parse("[net]\nport = 81\nfast = true").unwrap();
    assert_eq!(own.changes(&base), [("net.port", &Value::Whole(81))]);
    let whole = own.over(base);
    assert_eq!(whole.get::<i64>("net.port"), Ok(81));
    assert_eq!(whole.get::<String>("name"), Ok("demo".to_string()));
    assert_eq!(Value::read("[a, 2,]").to_string(), "[a, 2]");
}

#[test]
fn a_bad_line_is_named() {
    let found = Config::parse("a = 1\nb").unwrap_err();
    assert_eq!(found, ConfigError::Line { number: 2, text: "b".into() });
}
@ v_ledger_workspace
== Cargo.toml
[workspace]
members = ["money", "ledger"]
resolver = "2"
== money/Cargo.toml
[package]
name = "money"
version = "0.1.0"
edition = "2021"
== money/src/lib.rs
//! Amounts in cents; amounts of different currencies never mix.

use std::fmt;
use std::iter::Sum;
use std::marker::PhantomData;
use std::ops::{Add, Neg, Sub};
//~! use std::ops::{Add, Sub};

pub trait Currency: Copy + fmt::Debug {
    const SIGN: &'static str;
    //~! const SIGN: &str = 5;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Euro;

impl Currency for Euro {
    const SIGN: &'static str = "€";
    //~! -
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Franc;

impl Currency for Franc {
    const SIGN: &'static str = "CHF";
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
//~! #[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money<C> {
    cents: i64,
    currency: PhantomData<C>,
    //~! -
}

impl<C: Currency> Money<C> {
    pub const ZERO: Self = Money { cents: 0, currency: PhantomData };
    //~! pub const ZERO: Self = Money { cents: 0 };

    pub const fn cents(cents: i64) -> Self {
    //~! pub fn cents(cents: i64) -> Self {
        Money { cents, currency: PhantomData }
        //~! Money { cents, currency: C }
    }

    /// Splits into parts that differ by one cent at most.
    pub fn split(self, parts: usize) -> Vec<Self> {
        let count = parts as i64;
        let (each, rest) = (self.cents.div_euclid(count), self.cents.rem_euclid(count));
        //~! let (each, rest) = (self.cents.div_euclid(parts), self.cents.rem_euclid(parts));
        (0..count).map(|at| Money::cents(each + i64::from(at < rest))).collect()
        //~! (0..count).map(|at| Money::cents(each + (at < rest))).collect()
        //~! (0..count).map(|at| each + i64::from(at < rest)).collect()
    }

    pub fn is_debt(self) -> bool {
        self.cents < 0
    }
}

impl<C: Currency> Add for Money<C> {
    type Output = Self;
    //~! -

    fn add(self, other: Self) -> Self {
        Money::cents(self.cents + other.cents)
        //~! self.cents + other.cents
    }
}

impl<C: Currency> Sub for Money<C> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
        //~! self + !other
    }
}

impl<C: Currency> Neg for Money<C> {
    type Output = Self;

    fn neg(self) -> Self {
    //~! fn neg(&self) -> Self {
        Money::cents(-self.cents)
    }
}

impl<C: Currency> Sum for Money<C> {
//~! impl<C> Sum for Money<C> {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
    //~! fn sum<I: IntoIterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Money::ZERO, Add::add)
        //~! amounts.fold(Money::ZERO, Add)
        //~! amounts.fold(0, Add::add)
    }
}

impl<C: Currency> fmt::Display for Money<C> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_debt() { "-" } else { "" };
        //~! let sign = if self.is_debt() { "-" } else { None };
        let cents = self.cents.unsigned_abs();
        write!(out, "{sign}{}.{:02} {}", cents / 100, cents % 100, C::SIGN)
        //~! write!(out, "{sign}{}.{:02} {}", cents / 100, cents % 100, self.SIGN)
    }
}
== ledger/Cargo.toml
[package]
name = "subject"
version = "0.1.0"
edition = "2021"

[dependencies]
money = { path = "../money" }
== ledger/src/lib.rs
//! Accounts and postings that always balance.

use money::{Currency, Money};
//~! use money::Money;
use std::collections::BTreeMap;

pub use money::{Euro, Franc};

pub type Amount<C> = Money<C>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting<C> {
    pub account: String,
    pub amount: Money<C>,
}

impl<C: Currency> Posting<C> {
    pub fn new(account: impl Into<String>, amount: Money<C>) -> Self {
        Posting { account: account.into(), amount }
        //~! Posting { account, amount }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum LedgerError<C> {
    Unbalanced(Money<C>),
    //~! Unbalanced(Money),
    Empty,
}

#[derive(Debug, Default)]
pub struct Ledger<C> {
//~! pub struct Ledger {
    entries: Vec<(String, Vec<Posting<C>>)>,
}

impl<C: Currency + PartialEq + Ord> Ledger<C> {
//~! impl<C> Ledger<C> {
    pub fn new() -> Self {
        Ledger { entries: Vec::new() }
    }

    pub fn post(&mut self, text: &str, postings: Vec<Posting<C>>) -> Result<usize, LedgerError<C>> {
    //~! pub fn post(&self, text: &str, postings: Vec<Posting<C>>) -> Result<usize, LedgerError<C>> {
    //~! pub fn post(&mut self, text: &str, postings: &[Posting<C>]) -> Result<usize, LedgerError<C>> {
        if postings.is_empty() {
            return Err(LedgerError::Empty);
        }
        let rest: Money<C> = postings.iter().map(|posting| posting.amount).sum();
        //~! let rest = postings.iter().map(|posting| posting.amount).sum();
        //~! let rest: Money<C> = postings.iter().map(|posting| posting.amounts).sum();
        if rest != Money::ZERO {
            return Err(LedgerError::Unbalanced(rest));
            //~! return Err(LedgerError::Unbalanced);
        }
        self.entries.push((text.to_string(), postings));
        //~! self.entries.push(text.to_string(), postings);
        Ok(self.entries.len())
    }

    pub fn balances(&self) -> BTreeMap<&str, Money<C>> {
    //~! pub fn balances(&self) -> BTreeMap<String, Money<C>> {
        let mut found = BTreeMap::new();
        for posting in self.entries.iter().flat_map(|(_, postings)| postings) {
        //~! for posting in self.entries.iter().map(|(_, postings)| postings) {
            let sum = found.entry(posting.account.as_str()).or_insert(Money::ZERO);
            //~! let sum = found.entry(posting.account).or_insert(Money::ZERO);
            *sum = *sum + posting.amount;
            //~! *sum += posting.amount;
            //~! sum = *sum + posting.amount;
        }
        found
    }

    pub fn debtors(&self) -> impl Iterator<Item = (&str, Money<C>)> + '_ {
    //~! pub fn debtors(&self) -> impl Iterator<Item = (&str, C)> + '_ {
        self.balances().into_iter().filter(|(_, amount)| amount.is_debt())
        //~! self.balances().iter().filter(|(_, amount)| amount.is_debt())
    }

    /// Posts the same debt in equal parts to several accounts.
    pub fn share(&mut self, text: &str, payer: &str, amount: Money<C>, others: &[&str]) -> Result<usize, LedgerError<C>> {
        let mut postings: Vec<Posting<C>> = others
            .iter()
            .zip(amount.split(others.len()))
            .map(|(other, part)| Posting::new(*other, -part))
            //~! .map(|(other, part)| Posting::new(other, -part))
            //~! .map(|other, part| Posting::new(*other, -part))
            .collect();
        postings.push(Posting::new(payer, amount));
        //~! postings.push(Posting::new(payer));
        self.post(text, postings)
        //~! self.post(text, &postings)
    }
}
== ledger/tests/behaviour.rs
use subject::{Amount, Euro, Franc, Ledger, LedgerError, Posting};

#[test]
fn postings_balance() {
    let mut ledger = Ledger::<Euro>::new();
    let rent = Amount::cents(70_000);
    ledger.post("rent", vec![Posting::new("flat", rent), Posting::new("bank", -rent)]).unwrap();
    assert_eq!(ledger.share("dinner", "ann", Amount::cents(1000), &["bob", "cid", "dan"]), Ok(2));
    let shown: Vec<String> = ledger.balances().iter().map(|(who, sum)| format!("{who} {sum}")).collect();
    assert_eq!(shown, ["ann 10.00 €", "bank -700.00 €", "bob -3.34 €", "cid -3.33 €", "dan -3.33 €", "flat 700.00 €"]);
    let debtors: Vec<&str> = ledger.debtors().map(|(who, _)| who).collect();
    assert_eq!(debtors, ["bank", "bob", "cid", "dan"]);
}

#[test]
fn what_does_not_balance_is_refused() {
    let mut ledger = Ledger::<Franc>::new();
    let wrong = ledger.post("x", vec![Posting::new("a", Amount::cents(5))]);
    assert_eq!(wrong, Err(LedgerError::Unbalanced(Amount::cents(5))));
    assert_eq!(ledger.post("y", vec![]), Err(LedgerError::Empty));
    assert!(ledger.balances().is_empty());
    assert_eq!((Amount::<Franc>::cents(5) - Amount::cents(7)).to_string(), "-0.02 CHF");
}
@ v_pool_crate
== src/lib.rs
//! Threads that work off jobs, and a map that they share.

mod pool;
mod shared;

pub use pool::{Job, Pool};
pub use shared::Shared;
== src/shared.rs
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, RwLock};
//~! use std::sync::Arc;

/// A map that clones share.
#[derive(Debug, Default)]
pub struct Shared<K, V> {
    inner: Arc<RwLock<HashMap<K, V>>>,
    //~! inner: RwLock<HashMap<K, V>>,
    //~! inner: Arc<HashMap<K, V>>,
}

impl<K, V> Clone for Shared<K, V> {
    fn clone(&self) -> Self {
        Shared { inner: Arc::clone(&self.inner) }
        //~! Shared { inner: Arc::clone(self.inner) }
    }
}

impl<K: Eq + Hash + Clone + Ord, V: Clone> Shared<K, V> {
//~! impl<K: Clone + Ord, V: Clone> Shared<K, V> {
    pub fn new() -> Self {
        Shared { inner: Arc::new(RwLock::new(HashMap::new())) }
        //~! Shared { inner: RwLock::new(HashMap::new()) }
    }

    pub fn update(&self, key: K, start: V, change: impl FnOnce(&mut V)) -> V {
    //~! pub fn update(&self, key: K, start: V, change: impl FnOnce(V)) -> V {
        let mut map = self.inner.write().unwrap_or_else(|broken| broken.into_inner());
        //~! let map = self.inner.write().unwrap_or_else(|broken| broken.into_inner());
        //~! let mut map = self.inner.write();
        let value = map.entry(key).or_insert(start);
        change(value);
        //~! change(&mut value);
        //~! change(*value);
        value.clone()
        //~! value
    }

    pub fn get(&self, key: &K) -> Option<V> {
    //~! pub fn get(&self, key: &K) -> Option<&V> {
        let map = self.inner.read().unwrap_or_else(|broken| broken.into_inner());
        map.get(key).cloned()
        //~! map.get(key)
    }

    pub fn sorted(&self) -> Vec<(K, V)> {
        let map = self.inner.read().unwrap_or_else(|broken| broken.into_inner());
        let mut all: Vec<(K, V)> = map.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        //~! let mut all: Vec<(K, V)> = map.iter().map(|(key, value)| (key, value)).collect();
        //~! let mut all: Vec<(K, V)> = map.into_iter().collect();
        all.sort_by(|left, right| left.0.cmp(&right.0));
        //~! all.sort_by(|left, right| left.0.cmp(right.0));
        all
    }
}
== src/pool.rs
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{spawn, JoinHandle};
//~! use std::thread::JoinHandle;

pub type Job = Box<dyn FnOnce() + Send + 'static>;
//~! pub type Job = Box<dyn FnOnce() + 'static>;
//~! pub type Job = Box<dyn Fn() + Send + 'static>;

pub struct Pool {
    jobs: Option<Sender<Job>>,
    workers: Vec<JoinHandle<usize>>,
    //~! workers: Vec<JoinHandle>,
}

impl Pool {
    pub fn new(size: usize) -> Pool {
        let (jobs, waiting) = channel::<Job>();
        //~! let (jobs, waiting) = channel::<String>();
        let waiting = Arc::new(Mutex::new(waiting));
        let workers = (0..size)
            .map(|_| {
                let waiting = Arc::clone(&waiting);
                //~! let waiting = &waiting;
                spawn(move || work(&waiting))
                //~! spawn(|| work(&waiting))
                //~! spawn(work(&waiting))
            })
            .collect();
        Pool { jobs: Some(jobs), workers }
        //~! Pool { jobs, workers }
    }

    pub fn run<F>(&self, job: F) -> bool
    where
        F: FnOnce() + Send + 'static,
        //~! F: FnOnce() + Send,
        //~! F: FnOnce() + 'static,
    {
        match &self.jobs {
            Some(jobs) => jobs.send(Box::new(job)).is_ok(),
            //~! Some(jobs) => jobs.send(job).is_ok(),
            //~! Some(jobs) => jobs.send(Box::new(job)),
            None => false,
            //~! -
        }
    }

    /// Waits until all is done; returns how many jobs each worker did.
    pub fn finish(mut self) -> Vec<usize> {
    //~! pub fn finish(self) -> Vec<usize> {
    //~! pub fn finish(&mut self) -> Vec<usize> {
        drop(self.jobs.take());
        //~! drop(self.jobs);
        self.workers.drain(..).map(|worker| worker.join().unwrap_or(0)).collect()
        //~! self.workers.iter().map(|worker| worker.join().unwrap_or(0)).collect()
        //~! self.workers.drain(..).map(|worker| worker.join()).collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for worker in self.workers.drain(..) {
        //~! for worker in self.workers {
            let _ = worker.join();
        }
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) -> usize {
//~! fn work(waiting: Mutex<Receiver<Job>>) -> usize {
    let mut done = 0;
    loop {
        let next = waiting.lock().unwrap_or_else(|broken| broken.into_inner()).recv();
        //~! let next = waiting.recv();
        match next {
            Ok(job) => job(),
            //~! Some(job) => job(),
            Err(_) => return done,
            //~! Err(_) => return,
        }
        done += 1;
    }
}
== tests/behaviour.rs
use subject::{Pool, Shared};

#[test]
fn all_jobs_are_done() {
    let counts: Shared<String, u32> = Shared::new();
    let pool = Pool::new(3);
    for number in 0..30 {
        let counts = counts.clone();
        assert!(pool.run(move || {
            counts.update(format!("key {}", number % 3), 0, |count| *count += 1);
        }));
    }
    let done = pool.finish();
    assert_eq!((done.len(), done.iter().sum::<usize>()), (3, 30));
    let all = counts.sorted();
    assert_eq!(all[0], ("key 0".to_string(), 10));
    assert_eq!(all.len(), 3);
    assert_eq!(counts.get(&"key 9".to_string()), None);
}

#[test]
fn a_change_returns_what_it_made() {
    let shared = Shared::new();
    assert_eq!(shared.update(1, String::from("a"), |text| text.push('b')), "ab");
    assert_eq!(shared.clone().get(&1), Some("ab".to_string()));
}
@ v_arena_tree
== src/lib.rs
//! A tree whose nodes lie in one vector.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
//~! #[derive(Debug, PartialEq, Eq)]
pub struct Id(usize);

#[derive(Debug)]
struct Node<T> {
    value: T,
    parent: Option<Id>,
    children: Vec<Id>,
}

#[derive(Debug)]
pub struct Tree<T> {
    nodes: Vec<Node<T>>,
    //~! nodes: Vec<Node>,
}

pub struct Walk<'t, T> {
//~! pub struct Walk<T> {
    tree: &'t Tree<T>,
    //~! tree: &Tree<T>,
    waiting: Vec<(usize, Id)>,
}

impl<T> Tree<T> {
    pub const ROOT: Id = Id(0);

    pub fn new(value: T) -> Self {
        Tree { nodes: vec![Node { value, parent: None, children: Vec::new() }] }
        //~! Tree { nodes: vec![Node { value, children: Vec::new() }] }
        //~! Tree { nodes: Node { value, parent: None, children: Vec::new() } }
    }

    pub fn add(&mut self, parent: Id, value: T) -> Id {
    //~! pub fn add(&self, parent: Id, value: T) -> Id {
        let id = Id(self.nodes.len());
        self.nodes.push(Node { value, parent: Some(parent), children: Vec::new() });
        //~! self.nodes.push(Node { value, parent, children: Vec::new() });
        self.nodes[parent.0].children.push(id);
        //~! self.nodes[parent].children.push(id);
        id
    }

    pub fn value(&self, id: Id) -> &T {
    //~! pub fn value(&self, id: Id) -> T {
        &self.nodes[id.0].value
    }

    pub fn value_mut(&mut self, id: Id) -> &mut T {
        &mut self.nodes[id.0].value
        //~! &self.nodes[id.0].value
    }

    /// From a node to the root.
    pub fn ancestors(&self, id: Id) -> impl Iterator<Item = &T> + '_ {
        std::iter::successors(Some(id), |at| self.nodes[at.0].parent).map(|at| self.value(at))
        //~! std::iter::successors(id, |at| self.nodes[at.0].parent).map(|at| self.value(at))
        //~! std::iter::successors(Some(id), |at| self.nodes[at].parent).map(|at| self.value(at))
    }

    pub fn walk(&self) -> Walk<'_, T> {
        Walk { tree: self, waiting: vec![(0, Self::ROOT)] }
        //~! Walk { tree: self, waiting: vec![Self::ROOT] }
        //~! Walk { tree: self, waiting: vec![(0, ROOT)] }
        //~! Walk { tree: *self, waiting: vec![(0, Self::ROOT)] }
    }

    pub fn map<U>(&self, mut change: impl FnMut(&T) -> U) -> Tree<U> {
    //~! pub fn map<U>(&self, change: impl FnMut(&T) -> U) -> Tree<U> {
    //~! pub fn map(&self, mut change: impl FnMut(&T) -> U) -> Tree<U> {
    //~! pub fn map<U>(&self, mut change: impl FnMut(T) -> U) -> Tree<U> {
        let nodes = self.nodes.iter().map(|node| Node {
            value: change(&node.value),
            //~! value: change(node.value),
            parent: node.parent,
            children: node.children.clone(),
            //~! children: node.children,
        });
        Tree { nodes: nodes.collect() }
        //~! Tree { nodes }
    }

    pub fn fold<A>(&self, id: Id, join: &dyn Fn(&T, Vec<A>) -> A) -> A {
    //~! pub fn fold<A>(&self, id: Id, join: dyn Fn(&T, Vec<A>) -> A) -> A {
        let node = &self.nodes[id.0];
        //~! let node = self.nodes[id.0];
        let below = node.children.iter().map(|child| self.fold(*child, join)).collect();
        //~! let below = node.children.iter().map(|child| self.fold(child, join)).collect();
        //~! let below = node.children.iter().map(|child| self.fold(*child)).collect();
        join(&node.value, below)
    }
}

impl<'t, T> Iterator for Walk<'t, T> {
    type Item = (usize, &'t T);
    //~! type Item = (usize, &T);
    //~! type Item = (usize, T);

    fn next(&mut self) -> Option<Self::Item> {
    //~! fn next(&self) -> Option<Self::Item> {
        let (depth, id) = self.waiting.pop()?;
        //~! let (depth, id) = self.waiting.pop();
        let node = &self.tree.nodes[id.0];
        self.waiting.extend(node.children.iter().rev().map(|child| (depth + 1, *child)));
        //~! self.waiting.extend(node.children.iter().rev().map(|child| (depth + 1, child)));
        //~! self.waiting.push(node.children.iter().rev().map(|child| (depth + 1, *child)));
        Some((depth, &node.value))
        //~! Some((depth, node.value))
        //~! (depth, &node.value)
    }
}
== src/checks.rs
#[path = "lib.rs"]
mod subject;

use subject::Tree;

fn sizes() -> Tree<u32> {
    let mut tree = Tree::new(1);
    let left = tree.add(Tree::<u32>::ROOT, 2);
    tree.add(left, 3);
    let deep = tree.add(left, 4);
    tree.add(Tree::<u32>::ROOT, 5);
    *tree.value_mut(deep) += 10;
    tree
}

#[test]
fn walks() {
    let tree = sizes();
    let seen: Vec<(usize, u32)> = tree.walk().map(|(depth, value)| (depth, *value)).collect();
    assert_eq!(seen, [(0, 1), (1, 2), (2, 3), (2, 14), (1, 5)]);
}

#[test]
fn sums_and_maps() {
    let mut tree = sizes();
    let root = Tree::<u32>::ROOT;
    assert_eq!(tree.fold(root, &|value, below: Vec<u32>| value + below.iter().sum::<u32>()), 25);
    let leaf = tree.add(root, 7);
    assert_eq!(tree.ancestors(leaf).copied().collect::<Vec<_>>(), [7, 1]);
    let mut calls = 0;
    let texts = tree.map(|value| {
        calls += 1;
        value.to_string()
    });
    assert_eq!((calls, texts.value(leaf).as_str()), (6, "7"));
}
@ v_stream_filters
== src/lib.rs
//! Filters over lines of a log, put together from a short text.

use std::borrow::Cow;
use std::fmt::Debug;
use std::str::FromStr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'l> {
    pub level: Level,
    pub text: &'l str,
    //~! pub text: &str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
//~! #[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Error,
}

impl FromStr for Level {
    type Err = String;
    //~! -

    fn from_str(text: &str) -> Result<Self, Self::Err> {
    //~! fn from_str(text: String) -> Result<Self, Self::Err> {
        match text {
            "debug" => Ok(Level::Debug),
            "info" => Ok(Level::Info),
            "error" => Ok(Level::Error),
            other => Err(format!("no level {other}")),
            //~! -
            //~! other => Err("no level"),
        }
    }
}

impl<'l> Line<'l> {
    pub fn parse(raw: &'l str) -> Result<Line<'l>, String> {
    //~! pub fn parse(raw: &str) -> Result<Line<'l>, String> {
        let (level, text) = raw.split_once(": ").ok_or("no level before a colon")?;
        //~! let (level, text) = raw.split_once(": ").ok_or("no level before a colon");
        Ok(Line { level: level.trim().parse()?, text })
        //~! Ok(Line { level: level.trim().parse(), text })
        //~! Ok(Line { level: level.trim(), text })
    }
}

/// Keeps, drops or changes lines.
pub trait Filter {
    fn pass<'l>(&mut self, text: Cow<'l, str>, level: Level) -> Option<Cow<'l, str>>;
    //~! fn pass(&mut self, text: Cow<str>, level: Level) -> Option<Cow<str>>;
    //~! fn pass<'l>(&self, text: Cow<'l, str>, level: Level) -> Option<Cow<'l, str>>;
}

struct AtLeast(Level);
struct Hide(String);
struct Unique {
    last: Option<String>,
}

impl Filter for AtLeast {
    fn pass<'l>(&mut self, text: Cow<'l, str>, level: Level) -> Option<Cow<'l, str>> {
        (level >= self.0).then_some(text)
        //~! (level >= self).then_some(text)
        //~! if level >= self.0 { text } else { None }
    }
}

impl Filter for Hide {
    fn pass<'l>(&mut self, text: Cow<'l, str>, _: Level) -> Option<Cow<'l, str>> {
        if text.contains(&self.0) {
        //~! if text.contains(self.0) {
            return Some(Cow::Owned(text.replace(&self.0, "***")));
            //~! return Some(text.replace(&self.0, "***"));
            //~! return Some(Cow::Borrowed(&text.replace(&self.0, "***")));
        }
        Some(text)
    }
}

impl Filter for Unique {
    fn pass<'l>(&mut self, text: Cow<'l, str>, _: Level) -> Option<Cow<'l, str>> {
        if self.last.as_deref() == Some(&*text) {
        //~! if self.last == Some(text) {
            return None;
        }
        self.last = Some(text.to_string());
        //~! self.last = text.to_string();
        //~! self.last = Some(text);
        Some(text)
    }
}

pub struct Chain {
    filters: Vec<Box<dyn Filter>>,
    //~! filters: Vec<Filter>,
}

impl FromStr for Chain {
    type Err = String;

    fn from_str(text: &str) -> Result<Chain, String> {
        let mut filters: Vec<Box<dyn Filter>> = Vec::new();
        //~! let mut filters = Vec::new();
        //~! let filters: Vec<Box<dyn Filter>> = Vec::new();
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some(("level", level)) => filters.push(Box::new(AtLeast(level.parse()?))),
                //~! Some(("level", level)) => filters.push(AtLeast(level.parse()?)),
                //~! Some(("level", level)) => filters.push(Box::new(AtLeast(level))),
                Some(("hide", word)) => filters.push(Box::new(Hide(word.to_string()))),
                //~! Some("hide", word) => filters.push(Box::new(Hide(word.to_string()))),
                None if word == "unique" => filters.push(Box::new(Unique { last: None })),
                //~! None if word == "unique" => filters.push(Box::new(Unique)),
                _ => return Err(format!("no filter {word}")),
                //~! -
            }
        }
        Ok(Chain { filters })
        //~! Chain { filters }
    }
}

impl Chain {
    pub fn apply<'l>(&mut self, line: Line<'l>) -> Option<Cow<'l, str>> {
    //~! pub fn apply<'l>(&self, line: Line<'l>) -> Option<Cow<'l, str>> {
        let level = line.level;
        self.filters.iter_mut().try_fold(Cow::Borrowed(line.text), |text, filter| filter.pass(text, level))
        //~! self.filters.iter().try_fold(Cow::Borrowed(line.text), |text, filter| filter.pass(text, level))
        //~! self.filters.iter_mut().try_fold(line.text, |text, filter| filter.pass(text, level))
        //~! self.filters.iter_mut().fold(Cow::Borrowed(line.text), |text, filter| filter.pass(text, level))
    }

    pub fn run(&mut self, log: &str) -> Vec<String> {
        log.lines()
            .filter_map(|raw| Line::parse(raw).ok())
            //~! .map(|raw| Line::parse(raw).ok())
            .filter_map(|line| self.apply(line))
            .map(Cow::into_owned)
            //~! .map(Cow::to_owned)
            .collect()
    }
}
== src/checks.rs
#[path = "lib.rs"]
mod subject;

use std::borrow::Cow;
use subject::{Chain, Level, Line};

const LOG: &str = "debug: start\ninfo: key=abc\ninfo: key=abc\nbroken\nerror: stop\nerror: stop";

#[test]
fn filters_follow_each_other() {
    let mut chain: Chain = "level=info hide=abc unique".parse().unwrap();
    assert_eq!(chain.run(LOG), ["key=***", "stop"]);
    let mut all: Chain = "".parse().unwrap();
    assert_eq!(all.run(LOG).len(), 5);
}

#[test]
fn what_is_not_changed_is_not_copied() {
    let mut chain: Chain = "hide=zzz".parse().unwrap();
    let line = Line::parse("info: hello").unwrap();
    assert_eq!(line, Line { level: Level::Info, text: "hello" });
    assert!(matches!(chain.apply(line), Some(Cow::Borrowed("hello"))));
}

#[test]
fn faults_are_told() {
    assert_eq!("level=high".parse::<Chain>().err(), Some("no level high".to_string()));
    assert_eq!("loud".parse::<Chain>().err(), Some("no filter loud".to_string()));
    assert_eq!(Line::parse("nothing"), Err("no level before a colon".to_string()));
}
