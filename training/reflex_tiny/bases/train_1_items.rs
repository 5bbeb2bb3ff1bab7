@ running_total
pub fn total(values: &[i64]) -> i64 {
    let mut sum = 0;
    //~ let sum = 0;
    for value in values {
        sum += value;
        //~ sum += values;
    }
    sum
    //~ return total
}
@ person_record
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub name: String,
    //~ pub name: &str,
    pub age: i64,
    pub active: bool,
}

impl Person {
    pub fn new(name: &str, age: i64) -> Self {
        Person { name: name.to_string(), age, active: false }
        //~ Person { name: name.to_string(), age }
        //~ Person { name, age, active: false }
    }

    pub fn older(&self) -> i64 {
        self.age + 3
        //~ age + 3
    }

    pub fn rename(&mut self, name: &str) {
    //~ pub fn rename(&self, name: &str) {
        self.name = name.to_string();
        self.active = true;
    }
}

pub fn sample() -> i64 {
    let mut person = Person::new("anna", 30);
    //~ let person = Person::new("anna", 30);
    //~ let mut person = Person::new("anna");
    person.rename("berta");
    let copy = person.clone();
    println!("{:?}", copy);
    person.older()
}
@ word_counts
use std::collections::HashMap;
pub fn counts(words: &[String]) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    for word in words {
        *found.entry(word.clone()).or_insert(0) += 1;
        //~ *found.entry(word).or_insert(0) += 1;
        //~ found.entry(word.clone()).or_insert(0) += 1;
    }
    found
}
@ index_of
pub fn index_of(values: &[i64], wanted: i64) -> Option<usize> {
    for (index, value) in values.iter().enumerate() {
        if *value == wanted {
        //~ if value == wanted {
            return Some(index);
            //~ return index;
        }
    }
    None
    //~ Err(())
}
@ parse_positive
pub fn parse_positive(text: &str) -> Result<i64, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err("empty".to_string());
        //~ return Err("empty");
    }
    let number = trimmed.parse::<i64>().map_err(|e| e.to_string())?;
    //~ let number = trimmed.parse::<i64>()?;
    //~ let number = trimmed.parse::<i64>().map_err(|e| e.to_string());
    Ok(number * 3)
    //~ number * 3
}
@ light_enum
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Light {
    Red,
    Yellow,
    Green,
}

pub fn seconds(light: Light) -> i64 {
    match light {
        Light::Red => 30,
        Light::Yellow => 5,
        //~ -
        Light::Green => 40,
        //~ Green => 40
    }
}

pub fn is_long(light: Light) -> bool {
    let time = seconds(light);
    light == Light::Red || time > 20
    //~ light = Light::Red || time > 20
}
@ area_trait
pub trait Shape {
    fn area(&self) -> f64;
    fn name(&self) -> String;
}

pub struct Square {
    side: f64,
}

impl Shape for Square {
    fn area(&self) -> f64 {
        self.side * self.side
        //~ self.side * side
    }
    fn name(&self) -> String {
    //~ fn name(&self) -> &str {
    //~ fn name(&self, long: bool) -> String {
        String::from("square")
        //~ "square"
    }
}

pub fn describe(shape: &dyn Shape) -> String {
//~ pub fn describe(shape: &Shape) -> String {
    format!("{} {}", shape.name(), shape.area())
}

pub fn sample() -> String {
    let square = Square { side: 3.0 };
    describe(&square)
    //~ describe(square)
}
@ take_and_count
pub fn take(values: Vec<i64>) -> usize {
    values.len()
}

pub fn sample() -> usize {
    let numbers = vec![3, 4, 5];
    let size = take(numbers.clone());
    //~ let size = take(numbers);
    //~ let size = take(&numbers);
    size + numbers.len()
}
@ moved_string
pub fn shout(text: String) -> String {
    text.to_uppercase()
}

pub fn twice() -> String {
    let word = String::from("hello");
    let loud = shout(word.clone());
    //~ let loud = shout(word);
    format!("{} {}", word, loud)
}
@ first_then_push
pub fn grow(values: &mut Vec<i64>) -> i64 {
    let first = values[0];
    //~ let first = &values[0];
    //~ let first = values.first();
    values.push(7);
    first + 3
}
@ last_name_then_clear
pub fn reset(names: &mut Vec<String>) -> String {
    let last = names[0].clone();
    //~ let last = &names[0];
    //~ let last = names[0];
    names.clear();
    last
}
@ two_borrows
pub fn swap_ends(values: &mut Vec<i64>) {
    let size = values.len();
    let first = values[0];
    //~ let first = &mut values[0];
    let last = values[size - 1];
    values[0] = last;
    values[size - 1] = first;
}
@ counter_closure
pub fn adder(step: i64) -> impl Fn(i64) -> i64 {
    move |value| value + step
    //~ |value| value + step
}

pub fn sample() -> i64 {
    let add = adder(3);
    add(4)
    //~ add(4, 5)
}
@ boxed_closure
pub fn scaled(factor: i64) -> Box<dyn Fn(i64) -> i64> {
    Box::new(move |value| value * factor)
    //~ Box::new(|value| value * factor)
    //~ move |value| value * factor
}
@ thread_sum
use std::thread;
pub fn summed(values: Vec<i64>) -> i64 {
    let handle = thread::spawn(move || values.iter().sum::<i64>());
    //~ let handle = thread::spawn(|| values.iter().sum::<i64>());
    handle.join().unwrap_or(0)
    //~ handle.join()
}
@ longer_text
pub fn longer<'a>(left: &'a str, right: &'a str) -> &'a str {
//~ pub fn longer(left: &str, right: &str) -> &str {
//~ pub fn longer<'a>(left: &'a str, right: &str) -> &'a str {
    if left.len() > right.len() {
        left
    } else {
        right
    }
}
@ parser_lifetime
pub struct Parser<'a> {
//~ pub struct Parser {
    text: &'a str,
    //~ text: &str,
    at: usize,
}

impl<'a> Parser<'a> {
//~ impl Parser<'a> {
    pub fn new(text: &'a str) -> Self {
        Parser { text, at: 0 }
        //~ Parser { text }
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
        //~ self.text[self.at..]
    }

    pub fn step(&mut self, count: usize) {
    //~ pub fn step(&self, count: usize) {
        self.at += count;
        //~ at += count;
    }
}
@ make_greeting
pub fn greeting(name: &str) -> String {
//~ pub fn greeting(name: &str) -> &str {
    let text = format!("hello {}", name);
    text
    //~ &text
}
@ owned_upper
pub fn upper(text: &str) -> String {
    let loud = text.to_uppercase();
    loud
    //~ loud.as_str()
}
@ local_slice
pub fn evens(limit: i64) -> Vec<i64> {
    let mut found = Vec::new();
    let mut number = 0;
    //~ let number = 0;
    while number < limit {
        found.push(number);
        number += 2;
    }
    found
    //~ &found
}
@ scope_reference
pub fn largest() -> i64 {
    let values = vec![3, 9, 4];
    let mut best = &values[0];
    for value in &values {
        if value > best {
            best = value;
        }
    }
    *best
    //~ best
}
@ inner_scope
pub fn joined() -> String {
    let part = String::from("left");
    let view = &part;
    //~2 let view = { ¶     let part = String::from("left"); ¶     &part ¶ };
    format!("{}!", view)
}
@ option_field
pub struct Config {
    pub name: Option<String>,
    pub size: usize,
}

pub fn label(config: &Config) -> String {
    match &config.name {
    //~ match config.name {
        Some(name) => name.clone(),
        //~ Some(name) => name,
        //~ Some(name, _) => name.clone(),
        None => config.size.to_string(),
        //~ -
    }
}
@ take_field
pub struct Holder {
    pub items: Vec<String>,
}

impl Holder {
    pub fn items(&self) -> Vec<String> {
        self.items.clone()
        //~ self.items
        //~ &self.items
    }

    pub fn first(&self) -> Option<String> {
        self.items.first().cloned()
        //~ self.items.first()
        //~ self.items.first
    }
}
@ take_option
pub struct Slot {
    value: Option<String>,
}

impl Slot {
    pub fn take(&mut self) -> String {
        self.value.take().unwrap_or_default()
        //~ self.value.unwrap_or_default()
    }
}
@ message_enum
pub enum Message {
    Quit,
    Move(i64, i64),
    Write(String),
}

pub fn handle(message: &Message) -> String {
    match message {
        Message::Quit => "quit".to_string(),
        //~ Message::Quit => "quit",
        Message::Move(x, y) => format!("{} {}", x, y),
        //~ Message::Move(x) => format!("{}", x),
        //~ Message::Move(x, y, z) => format!("{} {}", x, y),
        Message::Write(text) => text.clone(),
        //~ Message::Write => "text".to_string(),
        //~ -
    }
}
@ command_struct_variants
#[derive(Debug)]
pub enum Command {
    Add { left: i64, right: i64 },
    Negate { value: i64 },
    Stop,
}

pub fn run(command: Command) -> Option<i64> {
    match command {
        Command::Add { left, right } => Some(left + right),
        //~ Command::Add { left } => Some(left),
        //~ Command::Add { left, right } => left + right,
        //~ Command::Add(left, right) => Some(left + right),
        Command::Negate { value } => Some(0 - value),
        Command::Stop => None,
        //~ -
        //~ Stop => None
    }
}

pub fn sample() -> Option<i64> {
    run(Command::Add { left: 3, right: 4 })
    //~ run(Command::Add { left: 3 })
    //~ run(Command::Add(3, 4))
}
@ point_pattern
pub struct Point {
    pub x: i64,
    pub y: i64,
}

pub fn quadrant(point: &Point) -> &'static str {
    match point {
        Point { x: 0, y: 0 } => "origin",
        Point { x: 0, .. } => "vertical",
        //~ Point { x: 0 } => "vertical",
        Point { y: 0, .. } => "horizontal",
        _ => "other",
        //~ -
    }
}

pub fn shifted(point: &Point, by: i64) -> Point {
    Point { x: point.x + by, y: point.y + by }
    //~ Point { x: point.x + by }
    //~ Point { x: x + by, y: y + by }
    //~ Point { x: point.x + by, y: point.y + by, z: 0 }
}
@ default_settings
#[derive(Debug, Default, Clone)]
//~ #[derive(Debug, Clone)]
pub struct Settings {
    pub level: i64,
    pub title: String,
}

pub fn with_level(level: i64) -> Settings {
    let mut settings = Settings::default();
    //~ let settings = Settings::default();
    settings.level = level;
    settings.title = "main".to_string();
    //~ settings.title = "main";
    settings
}

pub fn show() {
    let settings = with_level(3);
    println!("{:?} {}", settings, settings.level);
    //~ println!("{} {}", settings, settings.level);
}
@ display_pair
use std::fmt;
pub struct Pair {
    pub left: i64,
    pub right: i64,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "({}, {})", self.left, self.right)
        //~ write!(f, "({}, {})", self.left, self.right);
        //~ write!("({}, {})", self.left, self.right)
    }
}

pub fn text(left: i64) -> String {
    let pair = Pair { left, right: 3 };
    pair.to_string()
}
@ unique_values
use std::collections::HashSet;
pub fn unique(values: &[i64]) -> usize {
    let mut seen = HashSet::new();
    //~ let seen = HashSet::new();
    for value in values {
        seen.insert(*value);
    }
    seen.len()
}
@ safe_divide
pub fn divide(left: i64, right: i64) -> Option<i64> {
    if right == 0 {
        None
    } else {
        Some(left / right)
        //~ left / right
    }
}

pub fn half(value: i64) -> i64 {
    let result = divide(value, 2).unwrap_or(0);
    //~ let result = divide(value, 2);
    //~ let result = divide(value).unwrap_or(0);
    result + 3
}
@ generic_stack
pub struct Stack<T> {
    items: Vec<T>,
}

impl<T: Clone> Stack<T> {
//~ impl Stack<T> {
//~ impl<T> Stack<T> {
    pub fn new() -> Self {
        Stack { items: Vec::new() }
    }

    pub fn add(&mut self, item: T) {
        self.items.push(item);
    }

    pub fn top(&self) -> Option<T> {
        self.items.last().cloned()
        //~ self.items.last()
    }
}
@ generic_largest
pub fn largest<T: PartialOrd + Copy>(values: &[T]) -> Option<T> {
//~ pub fn largest<T: Copy>(values: &[T]) -> Option<T> {
//~ pub fn largest<T: PartialOrd>(values: &[T]) -> Option<T> {
//~ pub fn largest(values: &[T]) -> Option<T> {
    let mut best = *values.first()?;
    for value in values {
        if *value > best {
            best = *value;
        }
    }
    Some(best)
    //~ best
}
@ generic_show
use std::fmt::Display;
pub fn show<T: Display>(value: T) -> String {
//~ pub fn show<T>(value: T) -> String {
    format!("<{}>", value)
}

pub fn sample() -> String {
    show(3) + &show("text")
    //~ show(3) + show("text")
}
@ nested_module
pub mod rates {
    pub const BASE: i64 = 20;
    //~ const BASE: i64 = 20;
    pub fn scaled(value: i64) -> i64 {
    //~ fn scaled(value: i64) -> i64 {
        value * 3
    }
}

pub fn price(value: i64) -> i64 {
    let scaled = rates::scaled(value);
    //~ let scaled = scaled(value);
    //~ let scaled = rate::scaled(value);
    scaled + rates::BASE
    //~ scaled + BASE
}
@ private_field
pub mod bank {
    pub struct Account {
        pub owner: String,
        pub balance: i64,
        //~ balance: i64,
    }

    impl Account {
        pub fn new(owner: &str) -> Account {
        //~ fn new(owner: &str) -> Account {
            Account { owner: owner.to_string(), balance: 0 }
        }
    }
}

pub fn open() -> i64 {
    let account = bank::Account::new("anna");
    account.balance + account.owner.len() as i64
}
@ error_enum
#[derive(Debug)]
pub enum Failure {
    TooLarge,
    Other(String),
}

pub fn check(value: i64) -> Result<i64, Failure> {
    if value > 50 {
        return Err(Failure::TooLarge);
        //~ return Failure::TooLarge;
        //~ return Err(TooLarge);
    }
    if value == 0 {
        return Err(Failure::Other("zero".to_string()));
        //~ return Err(Failure::Other("zero"));
        //~ return Err(Failure::Other);
    }
    Ok(value + 3)
}

pub fn run() -> Result<(), Failure> {
    let value = check(7)?;
    //~ let value = check(7);
    println!("{}", value);
    Ok(())
    //~ -
}
@ bounds_pair
pub fn bounds(values: &[i64]) -> (i64, i64) {
//~ pub fn bounds(values: &[i64]) -> i64 {
    let mut low = values[0];
    let mut high = values[0];
    for &value in values {
    //~ for value in values {
        if value < low {
            low = value;
        }
        if value > high {
            high = value;
        }
    }
    (low, high)
    //~ (low, high, 0)
}
@ distance
pub struct Spot {
    pub x: f64,
    pub y: f64,
}

pub fn distance(from: &Spot, to: &Spot) -> f64 {
    let dx = from.x - to.x;
    let dy = from.y - to.y;
    //~ let dy = from.y - to.z;
    (dx * dx + dy * dy).sqrt()
    //~ sqrt(dx * dx + dy * dy)
}

pub fn sample() -> f64 {
    let start = Spot { x: 3.0, y: 4.0 };
    //~ let start = Spot { x: 3, y: 4.0 };
    let end = Spot { x: 6.5, y: 0.0 };
    distance(&start, &end)
    //~ distance(start, end)
    //~ distance(&start)
}
@ if_let_first
pub fn first_or(names: &[String]) -> String {
    if let Some(name) = names.first() {
        name.clone()
        //~ name
    } else {
        String::from("none")
        //~ "none"
    }
}
@ count_letter
pub fn count(text: &str, letter: char) -> usize {
    let mut found = 0;
    for each in text.chars() {
    //~ for each in text {
        if each == letter {
            found += 1;
        }
    }
    found
}
@ boxed_shapes
pub trait Sound {
    fn volume(&self) -> i64;
}

pub struct Bell;

impl Sound for Bell {
    fn volume(&self) -> i64 {
        7
    }
}

pub fn all() -> Vec<Box<dyn Sound>> {
    let mut found: Vec<Box<dyn Sound>> = Vec::new();
    //~ let mut found: Vec<Box<Sound>> = Vec::new();
    found.push(Box::new(Bell));
    //~ found.push(Bell);
    found
}
@ fibonacci
pub fn fibonacci(count: u32) -> u64 {
    let mut before = 0;
    let mut now = 1;
    for _ in 0..count {
        let next = before + now;
        before = now;
        now = next;
    }
    before
}
@ account_withdraw
pub struct Account {
    owner: String,
    balance: i64,
}

impl Account {
    pub fn withdraw(&mut self, amount: i64) -> Result<i64, String> {
    //~ pub fn withdraw(&self, amount: i64) -> Result<i64, String> {
        if amount > self.balance {
            return Err(format!("too much for {}", self.owner));
            //~ return Err("too much");
        }
        self.balance -= amount;
        Ok(self.balance)
        //~ self.balance
    }
}

pub fn pay(amount: i64) -> i64 {
    let mut account = Account { owner: "anna".to_string(), balance: 50 };
    //~ let account = Account { owner: "anna".to_string(), balance: 50 };
    match account.withdraw(amount) {
        Ok(left) => left,
        Err(_) => 0,
        //~ -
    }
}
@ shared_cell
use std::cell::RefCell;
use std::rc::Rc;
pub fn shared(start: i64) -> i64 {
    let one = Rc::new(RefCell::new(start));
    let two = Rc::clone(&one);
    //~ let two = one;
    *two.borrow_mut() += 3;
    //~ two.borrow_mut() += 3;
    let now = *one.borrow();
    now
}
@ ordered_map
use std::collections::BTreeMap;
pub fn lookup(pairs: &[(String, i64)]) -> Option<i64> {
    let mut table: BTreeMap<String, i64> = BTreeMap::new();
    //~ let table: BTreeMap<String, i64> = BTreeMap::new();
    for (name, value) in pairs {
        table.insert(name.clone(), *value);
        //~ table.insert(name.clone(), value);
        //~ table.insert(name, *value);
    }
    table.get("first").copied()
    //~ table.get("first")
}
@ limit_constant
pub const LIMIT: usize = 20;
//~ pub const LIMIT = 20;
pub fn fits(values: &[i64]) -> bool {
    let size = values.len();
    size < LIMIT
    //~ size < Limit
}
@ vector_add
use std::ops::Add;
#[derive(Debug, Clone, Copy)]
//~ #[derive(Debug)]
pub struct Money {
    pub cents: i64,
}

impl Add for Money {
    type Output = Money;
    //~ -
    fn add(self, other: Money) -> Money {
    //~ fn add(&self, other: Money) -> Money {
        Money { cents: self.cents + other.cents }
    }
}

pub fn double(money: Money) -> Money {
    let more = money + Money { cents: 5 };
    //~ let more = money + 5;
    more + money
}
@ countdown_iterator
pub struct Countdown {
    left: u32,
}

impl Iterator for Countdown {
    type Item = u32;
    //~ -
    fn next(&mut self) -> Option<u32> {
    //~ fn next(&self) -> Option<u32> {
    //~ fn next(&mut self) -> u32 {
        if self.left > 0 {
            self.left -= 1;
            Some(self.left)
            //~ self.left
        } else {
            None
        }
    }
}
@ grade_ranges
pub fn grade(points: i64) -> &'static str {
//~ pub fn grade(points: i64) -> &str {
    match points {
        0..=20 => "low",
        21..=75 => "middle",
        _ => "high",
        //~ -
    }
}

pub fn text(points: i64) -> String {
    let grade = grade(points);
    grade.to_string()
    //~ grade
}
@ rename_users
pub struct User {
    pub id: u32,
    pub email: String,
}

pub fn domains(users: &[User]) -> Vec<String> {
    let mut found = Vec::new();
    for user in users {
        if let Some((_, domain)) = user.email.split_once('@') {
        //~ if let Some(_, domain) = user.email.split_once('@') {
            found.push(domain.to_string());
            //~ found.push(domain);
        }
    }
    found
}

pub fn ids(users: &[User]) -> Vec<u32> {
    users.iter().map(|user| user.id).collect()
    //~ users.iter().map(|user| user.id)
    //~ users.iter().map(|user| user.ids).collect()
}
@ update_all
pub fn double_all(values: &mut [i64]) {
//~ pub fn double_all(values: &[i64]) {
    for value in values.iter_mut() {
    //~ for value in values.iter() {
        *value *= 2;
        //~ value *= 2;
    }
}
@ longest_name
pub fn longest(names: &[String]) -> Option<&String> {
//~ pub fn longest(names: &[String]) -> Option<String> {
    let mut best: Option<&String> = None;
    for name in names {
        match best {
            Some(other) if other.len() >= name.len() => {}
            _ => best = Some(name),
            //~ _ => best = name,
        }
    }
    best
}
@ tree_depth
pub struct Node {
    pub value: i64,
    pub left: Option<Box<Node>>,
    //~ pub left: Option<Node>,
    pub right: Option<Box<Node>>,
}

pub fn depth(node: &Option<Box<Node>>) -> usize {
    match node {
        None => 0,
        Some(inner) => 1 + depth(&inner.left).max(depth(&inner.right)),
        //~ Some(inner) => 1 + depth(inner.left).max(depth(&inner.right)),
    }
}
@ linked_push
pub struct Link {
    pub value: i64,
    pub next: Option<Box<Link>>,
}

pub fn push(list: Option<Box<Link>>, value: i64) -> Option<Box<Link>> {
    Some(Box::new(Link { value, next: list }))
    //~ Some(Link { value, next: list })
    //~ Box::new(Link { value, next: list })
    //~ Some(Box::new(Link { value }))
}

pub fn sum(list: &Option<Box<Link>>) -> i64 {
    let mut total = 0;
    let mut at = list;
    while let Some(link) = at {
        total += link.value;
        at = &link.next;
        //~ at = link.next;
    }
    total
}
@ grid_sum
pub fn rows(grid: &Vec<Vec<i64>>) -> Vec<i64> {
    let mut sums = Vec::new();
    for row in grid {
        let mut sum = 0;
        //~ let sum = 0;
        for cell in row.iter() {
            sum += cell;
            //~ sum += row;
        }
        sums.push(sum);
        //~ sums.push(&sum);
    }
    sums
}
@ apply_function
pub fn apply<F>(values: &[i64], change: F) -> Vec<i64>
where
    F: Fn(i64) -> i64,
    //~ F: Fn(i64),
{
    values.iter().map(|value| change(*value)).collect()
    //~ values.iter().map(|value| change(value)).collect()
}

pub fn sample() -> Vec<i64> {
    apply(&[3, 4, 5], |value| value * 2)
    //~ apply(&[3, 4, 5])
    //~ apply([3, 4, 5], |value| value * 2)
}
@ mutable_closure
pub fn collect_calls() -> Vec<i64> {
    let mut calls = Vec::new();
    let mut record = |value: i64| calls.push(value);
    //~ let record = |value: i64| calls.push(value);
    record(3);
    record(4);
    calls
}
@ from_conversion
pub struct Meters(pub f64);
pub struct Feet(pub f64);

impl From<Meters> for Feet {
    fn from(meters: Meters) -> Self {
        Feet(meters.0 * 3.28)
        //~ Feet(meters * 3.28)
        //~ Feet { 0: meters }
    }
}

pub fn sample() -> f64 {
    let feet: Feet = Meters(7.5).into();
    //~ let feet = Meters(7.5).into();
    //~ let feet: Feet = Meters(7.5);
    feet.0
    //~ feet.1
}
@ from_str_impl
use std::str::FromStr;
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

impl FromStr for Version {
    type Err = String;
    //~ -
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (left, right) = text.split_once('.').ok_or("no dot".to_string())?;
        //~ let (left, right) = text.split_once('.').ok_or("no dot".to_string());
        let major = left.parse().map_err(|_| "bad major".to_string())?;
        let minor = right.parse().map_err(|_| "bad minor".to_string())?;
        Ok(Version { major, minor })
        //~ Version { major, minor }
    }
}
@ builder
#[derive(Default)]
//~ -
pub struct Request {
    url: String,
    headers: Vec<String>,
}

impl Request {
    pub fn header(mut self, text: &str) -> Self {
    //~ pub fn header(self, text: &str) -> Self {
        self.headers.push(text.to_string());
        //~ self.headers.push(text);
        self
        //~ &self
    }

    pub fn url(mut self, text: &str) -> Self {
        self.url = text.to_string();
        //~ self.url = text;
        self
        //~ -
    }
}

pub fn sample() -> Request {
    Request::default().url("home").header("accept")
    //~ Request::default().url("home").header()
}
@ sort_people
#[derive(Debug, Clone)]
pub struct Player {
    pub name: String,
    pub score: i64,
}

pub fn ranking(players: &[Player]) -> Vec<Player> {
    let mut sorted = players.to_vec();
    //~ let sorted = players.to_vec();
    sorted.sort_by(|left, right| right.score.cmp(&left.score));
    //~ sorted.sort_by(|left, right| right.score.cmp(left.score));
    //~ sorted.sort_by(|left| left.score);
    sorted
    //~ players
}
@ mutex_counter
use std::sync::{Arc, Mutex};
use std::thread;
pub fn counted() -> i64 {
    let counter = Arc::new(Mutex::new(0));
    let other = Arc::clone(&counter);
    //~ let other = counter;
    let handle = thread::spawn(move || {
    //~ let handle = thread::spawn(|| {
        *other.lock().unwrap() += 1;
        //~ other.lock().unwrap() += 1;
    });
    handle.join().unwrap();
    let value = *counter.lock().unwrap();
    value
}
