@ returned_view
pub fn view(text: &str) -> String {
    let loud = text.to_uppercase();
    loud
}

pub fn view_part<'a>(text: &'a str, extra: &str) -> &'a str {
    let made = format!("{}{}", text, extra);
    println!("{}", made);
    text
    //~! &made
    //~! made.as_str()
    //~ extra
}
@ returned_number
pub fn chosen<'a>(left: &'a i64, right: &'a i64) -> &'a i64 {
    let sum = left + right;
    println!("{}", sum);
    if left > right {
        left
        //~! &sum
    } else {
        right
        //~! &0.max(sum)
    }
}
@ returned_slice_part
pub fn part<'a>(values: &'a [i64], extra: &[i64]) -> &'a [i64] {
    let copy = values.to_vec();
    println!("{} {}", copy.len(), extra.len());
    &values[1..]
    //~! &copy[1..]
    //~ &extra[1..]
    //~ values[1..]
}
@ returned_from_map
use std::collections::HashMap;
pub struct Names {
    table: HashMap<u32, String>,
}

impl Names {
    pub fn get(&self, key: u32) -> &str {
        let fallback = String::from("none");
        println!("{}", fallback);
        self.table.get(&key).map(|name| name.as_str()).unwrap_or("none")
        //~! self.table.get(&key).map(|name| name.as_str()).unwrap_or(&fallback)
        //~! self.table.get(&key).unwrap_or(&fallback)
        //~ self.table.get(&key).map(|name| name.as_str())
    }
}
@ returned_field
pub struct Holder {
    text: String,
}

impl Holder {
    pub fn text(&self) -> &str {
        &self.text
        //~! &self.text.clone()
        //~! self.text.clone().as_str()
        //~ self.text
    }

    pub fn upper(&self) -> String {
        self.text.to_uppercase()
        //~ &self.text.to_uppercase()
    }
}
@ returned_iterator
pub fn large<'a>(values: &'a [i64], limit: i64) -> impl Iterator<Item = &'a i64> + 'a {
    values.iter().filter(move |value| **value > limit)
    //~! values.iter().filter(|value| **value > limit)
    //~ values.iter().filter(move |value| value > limit)
}
@ push_while_reading
pub fn duplicate_first(values: &mut Vec<i64>) -> usize {
    let first = values[0];
    //~! let first = &mut values[0];
    //~! let first = &values[0];
    values.push(4);
    println!("{}", first);
    values.len()
}
@ push_in_loop
pub fn extend_all(values: &mut Vec<i64>) {
    for value in values.clone() {
    //~! for value in values.iter() {
    //~ for value in values {
        values.push(value + 3);
    }
}
@ clear_while_reading
pub fn flush(lines: &mut Vec<String>) -> String {
    let last = lines.last().cloned();
    //~! let last = lines.last();
    lines.clear();
    last.unwrap_or_default()
    //~ last
}
@ two_mutable_views
pub fn bump_both(values: &mut Vec<i64>) -> i64 {
    let size = values.len();
    values[0] += 3;
    //~! let one = &mut values[0]; let two = &mut values[1]; *one += *two;
    values[size - 1] += 4;
    values[0]
}
@ mutable_twice
pub fn pair_up(names: &mut Vec<String>) {
    let first = names[0].clone();
    //~! let first = &mut names[0];
    names[1].push_str(&first);
    //~ names[1].push_str(first);
    names[1].push('!');
}
@ mutable_method_twice
pub struct Counter {
    pub count: u32,
}

impl Counter {
    pub fn next(&mut self) -> &mut u32 {
        self.count += 1;
        &mut self.count
        //~ self.count
        //~ &self.count
    }
}

pub fn twice(counter: &mut Counter) -> u32 {
    let first = *counter.next();
    //~! let first = counter.next();
    let second = *counter.next();
    //~ let second = counter.next();
    first + second
}
@ assign_while_borrowed
pub fn replace() -> i64 {
    let mut level = 3;
    //~ let level = 3;
    let before = level;
    //~! let before = &level;
    level = 7;
    before + level
}
@ assign_borrowed_text
pub fn renamed() -> String {
    let mut name = String::from("old");
    let kept = name.clone();
    //~! let kept = &name;
    name = String::from("new");
    //~ name = "new";
    format!("{} {}", kept, name)
}
@ assign_in_struct
pub struct Gauge {
    pub level: i64,
    pub title: String,
}

pub fn refill(gauge: &mut Gauge) -> String {
    let title = gauge.title.clone();
    //~! let title = &gauge.title;
    gauge.title = "full".to_string();
    //~ gauge.title = "full";
    gauge.level += 3;
    format!("{} {}", title, gauge.level)
}
@ inner_reference
pub fn longest_word(text: &str) -> usize {
    let words: Vec<&str> = text.split(' ').collect();
    let mut best = words[0];
    for word in &words {
        if word.len() > best.len() {
            best = word;
        }
    }
    best.len()
}

pub fn outer() -> usize {
    let long = String::from("something");
    let size;
    {
        let short = String::from("some");
        size = short.len();
        //~! size = &short;
    }
    size + long.len()
}
@ inner_slice
pub fn picked() -> i64 {
    let mut best = 3;
    for round in 0..4 {
        let row = vec![round, 5, 6];
        best = row[1];
        //~ best = &row[1];
    }
    best
}
@ inner_text
pub fn label(flag: bool) -> String {
    let mut text = String::from("start");
    //~ let text = String::from("start");
    if flag {
        let more = String::from("more");
        text = format!("{}{}", text, more);
        //~ text = &more;
    }
    text
}
@ outlived_reference
pub fn measured() -> usize {
    let first = String::from("first");
    let mut shown: &str = &first;
    let second = String::from("second");
    //~2! let mut shown: &str = &first; ¶ { let second = String::from("second"); shown = &second; }
    if second.len() > 3 {
        shown = &second;
    }
    shown.len()
}
@ scoped_vector
pub fn top() -> i64 {
    let scores = vec![3, 4, 5];
    let best = &scores[0];
    //~2! let best = { let scores = vec![3, 4, 5]; &scores[0] };
    best + 3
}
@ scoped_struct
pub struct Lamp {
    pub name: String,
}

pub fn lamp_name() -> usize {
    let lamp = Lamp { name: String::from("desk") };
    let name = &lamp.name;
    //~2! let name; ¶ { let lamp = Lamp { name: String::from("desk") }; name = &lamp.name; }
    name.len()
}
@ temporary_text
pub fn trimmed_size(number: i64) -> usize {
    let text = number.to_string();
    let view = text.trim();
    //~! let view = number.to_string().trim();
    //~2! let view = number.to_string().as_str();
    view.len()
}
@ temporary_vector
pub fn first_of(count: usize) -> i64 {
    let values = vec![3; count];
    let first = values.first().unwrap();
    //~2! let first = vec![3; count].first().unwrap();
    first + 3
}
@ temporary_join
pub fn words(parts: &[&str]) -> usize {
    let joined = parts.join(" ");
    let found: Vec<&str> = joined.split(' ').collect();
    //~2! let found: Vec<&str> = parts.join(" ").split(' ').collect();
    //~ let found = joined.split(' ').collect();
    found.len()
}
@ drop_borrowed
pub fn closed() -> usize {
    let handle = String::from("file");
    let name = handle.clone();
    //~! let name = &handle;
    drop(handle);
    name.len()
}
@ send_borrowed
pub fn consume(values: Vec<i64>) -> usize {
    values.len()
}

pub fn report() -> i64 {
    let values = vec![3, 4, 5];
    let largest = values.iter().max().copied().unwrap_or(0);
    //~! let largest = values.iter().max().unwrap();
    let size = consume(values);
    largest + size as i64
}
@ give_borrowed
pub struct Job {
    pub name: String,
    pub steps: Vec<u32>,
}

pub fn run(job: Job) -> usize {
    job.steps.len()
}

pub fn start() -> usize {
    let job = Job { name: "build".to_string(), steps: vec![3, 4] };
    let name = job.name.clone();
    //~! let name = &job.name;
    //~ let name = job.name;
    let steps = run(job);
    steps + name.len()
}
@ option_out_of_struct
pub struct Profile {
    pub nick: Option<String>,
    pub mail: String,
}

pub fn nick(profile: &Profile) -> String {
    profile.nick.clone().unwrap_or_default()
    //~! profile.nick.unwrap_or_default()
    //~ profile.nick.unwrap_or_default().clone()
}

pub fn mail(profile: &Profile) -> String {
    let mail = profile.mail.clone();
    //~! let mail = profile.mail;
    mail
}
@ vector_out_of_struct
pub struct Basket {
    items: Vec<String>,
    notes: Vec<String>,
}

impl Basket {
    pub fn all(&self) -> Vec<String> {
        let mut all = self.items.clone();
        //~! let mut all = self.items;
        //~ let all = self.items.clone();
        all.extend(self.notes.clone());
        //~! all.extend(self.notes);
        all
    }

    pub fn empty(&mut self) -> Vec<String> {
        std::mem::take(&mut self.items)
        //~! self.items
    }
}
@ boxed_out
pub struct Chain {
    pub value: i64,
    pub next: Option<Box<Chain>>,
}

pub fn second(chain: &Chain) -> Option<i64> {
    let next = chain.next.as_ref()?;
    //~! let next = chain.next?;
    Some(next.value)
    //~ next.value
}

pub fn length(chain: &Chain) -> usize {
    match &chain.next {
    //~! match chain.next {
        Some(next) => 1 + length(next),
        None => 1,
        //~ -
    }
}
@ pattern_moves
pub enum Shape {
    Named(String),
    Plain,
}

pub struct Picture {
    pub shape: Shape,
}

pub fn caption(picture: &Picture) -> String {
    match &picture.shape {
    //~! match picture.shape {
        Shape::Named(name) => name.clone(),
        //~ Shape::Named => String::new(),
        //~ Shape::Named(name, _) => name.clone(),
        Shape::Plain => String::from("plain"),
        //~ -
    }
}
@ slice_moves
pub fn first(names: &[String]) -> String {
    let name = names[0].clone();
    //~! let name = names[0];
    name
}

pub fn longest(names: &[String]) -> String {
    let mut best = String::new();
    for name in names {
        if name.len() > best.len() {
            best = name.clone();
            //~ best = *name;
            //~ best = name;
        }
    }
    best
}
@ used_after_push
pub fn record(log: &mut Vec<String>, line: String) -> usize {
    let size = line.len();
    log.push(line.clone());
    //~! log.push(line);
    size + line.len()
}
@ used_after_insert
use std::collections::HashMap;
pub fn register(table: &mut HashMap<String, usize>, name: String) -> String {
    table.insert(name.clone(), name.len());
    //~! table.insert(name, name.len());
    //~ table.insert(&name, name.len());
    name
}
@ used_after_loop
pub fn shown(values: Vec<i64>) -> usize {
    for value in &values {
    //~! for value in values {
        println!("{}", value);
    }
    values.len()
}

pub fn names(list: Vec<String>) -> usize {
    for name in list.iter() {
    //~! for name in list.into_iter() {
        println!("{}", name);
    }
    list.len()
}
@ used_after_closure
pub fn printed(name: String) -> String {
    let show = || println!("{}", name);
    //~! let show = move || println!("{}", name);
    show();
    name
}
@ used_after_match
pub fn checked(name: Option<String>) -> usize {
    match &name {
    //~! match name {
        Some(text) => println!("{}", text),
        None => println!("none"),
        //~ -
    }
    name.map(|text| text.len()).unwrap_or(0)
    //~ name.map(|text| text.len())
}
@ used_after_if_let
pub fn greeted(name: Option<String>) -> Option<String> {
    if let Some(text) = &name {
    //~! if let Some(text) = name {
        println!("{}", text);
    }
    name
}
@ used_after_method
pub struct Letter {
    pub text: String,
}

impl Letter {
    pub fn size(&self) -> usize {
    //~! pub fn size(self) -> usize {
        self.text.len()
    }

    pub fn into_text(self) -> String {
    //~! pub fn into_text(&self) -> String {
        self.text
    }
}

pub fn read(letter: Letter) -> String {
    let size = letter.size();
    let text = letter.into_text();
    format!("{} {}", size, text)
}
@ used_in_loop
pub fn copies(word: String, count: usize) -> Vec<String> {
    let mut out = Vec::with_capacity(count);
    while out.len() < count {
        out.push(word.clone());
        //~! out.push(word);
        //~ out.push(&word);
    }
    out
}
@ captured_by_thread
use std::thread;
pub fn measured(text: String) -> usize {
    let worker = thread::spawn(move || text.len());
    //~! let worker = thread::spawn(|| text.len());
    worker.join().unwrap_or(0)
}

pub fn all(texts: Vec<String>) -> usize {
    let mut workers = Vec::new();
    for text in texts {
        workers.push(thread::spawn(move || text.len()));
        //~! workers.push(thread::spawn(|| text.len()));
    }
    workers.into_iter().map(|worker| worker.join().unwrap_or(0)).sum()
    //~ workers.iter().map(|worker| worker.join().unwrap_or(0)).sum()
}
@ captured_by_box
pub fn actions(names: Vec<String>) -> Vec<Box<dyn Fn() -> usize>> {
    let mut out: Vec<Box<dyn Fn() -> usize>> = Vec::new();
    for name in names {
        out.push(Box::new(move || name.len()));
        //~! out.push(Box::new(|| name.len()));
        //~ out.push(move || name.len());
    }
    out
}
@ captured_returned
pub fn multiplier(by: u32) -> impl Fn(u32) -> u32 {
    move |value| value * by
    //~! |value| value * by
}

pub fn prefixer(prefix: String) -> Box<dyn Fn(&str) -> String> {
    Box::new(move |text| format!("{}{}", prefix, text))
    //~! Box::new(|text| format!("{}{}", prefix, text))
}
@ tuple_patterns
pub struct Pixel(pub u8, pub u8, pub u8);

pub fn gray(pixel: &Pixel) -> u8 {
    let Pixel(red, green, blue) = pixel;
    //~! let Pixel(red, green) = pixel;
    //~! let Pixel(red, green, blue, _) = pixel;
    red / 3 + green / 3 + blue / 3
}

pub fn is_black(pixel: &Pixel) -> bool {
    match pixel {
        Pixel(0, 0, 0) => true,
        //~! Pixel(0, 0) => true,
        _ => false,
        //~ -
    }
}
@ variant_patterns
pub enum Token {
    Number(f64),
    Word(String, usize),
    End,
}

pub fn size(token: &Token) -> usize {
    match token {
        Token::Number(_) => 8,
        //~! Token::Number(_, _) => 8,
        Token::Word(text, extra) => text.len() + extra,
        //~! Token::Word(text) => text.len(),
        //~! Token::Word(text, extra, _) => text.len() + extra,
        Token::End => 0,
        //~ Token::End(_) => 0,
        //~ -
    }
}

pub fn is_word(token: &Token) -> bool {
    matches!(token, Token::Word(_, _))
    //~! matches!(token, Token::Word(_))
}
@ option_variants
pub enum Reply {
    Fine(i64, String),
    Late(u32),
    Lost,
}

pub fn cost(reply: &Reply) -> i64 {
    if let Reply::Fine(amount, _) = reply {
    //~! if let Reply::Fine(amount) = reply {
        return *amount;
        //~ return amount;
    }
    match reply {
        Reply::Late(days) => *days as i64,
        //~! Reply::Late(days, _) => *days as i64,
        //~ Reply::Late(days) => *days,
        _ => 0,
        //~ -
    }
}
@ missing_arms_bool
pub fn both(left: bool, right: bool) -> u32 {
    match (left, right) {
        (true, true) => 3,
        (true, false) => 2,
        //~! -
        (false, true) => 1,
        //~! -
        (false, false) => 0,
        //~! -
    }
}
@ missing_arms_option
pub fn merged(left: Option<i64>, right: Option<i64>) -> i64 {
    match (left, right) {
        (Some(one), Some(two)) => one + two,
        (Some(one), None) => one,
        //~! -
        (None, Some(two)) => two,
        //~! -
        (None, None) => 0,
        //~! -
    }
}
@ missing_arms_result
pub fn exit_code(result: Result<u8, String>) -> u8 {
    match result {
        Ok(0) => 0,
        Ok(code) => code,
        //~! -
        Err(text) => text.len() as u8,
        //~! -
    }
}
@ argument_counts
pub fn area(width: f64, height: f64) -> f64 {
    width * height
}

pub fn volume(width: f64, height: f64, depth: f64) -> f64 {
    area(width, height) * depth
    //~! area(width) * depth
    //~! area(width, height, depth)
    //~! area() * depth
}

pub fn cube(side: f64) -> f64 {
    volume(side, side, side)
    //~! volume(side, side)
    //~! volume(side)
    //~! volume(side, side, side, side)
}
@ method_arguments
pub struct Robot {
    x: i32,
    y: i32,
}

impl Robot {
    pub fn new(x: i32, y: i32) -> Robot {
        Robot { x, y }
    }

    pub fn step(&mut self, dx: i32, dy: i32) {
        self.x += dx;
        self.y += dy;
    }

    pub fn place(&self) -> (i32, i32) {
        (self.x, self.y)
    }
}

pub fn walk() -> (i32, i32) {
    let mut robot = Robot::new(3, 4);
    //~! let mut robot = Robot::new(3);
    //~! let mut robot = Robot::new();
    robot.step(1, 2);
    //~! robot.step(1);
    //~! robot.step(1, 2, 0);
    //~ Robot::step(1, 2);
    robot.place()
    //~! robot.place(0)
}
@ lifetime_struct_pair
pub struct Span<'a> {
//~! pub struct Span {
    pub text: &'a str,
    //~! pub text: &str,
    pub start: usize,
}

pub fn span<'a>(text: &'a str, start: usize) -> Span<'a> {
    Span { text: &text[start..], start }
    //~ Span { text: text[start..], start }
}

pub fn shorter<'a>(left: &Span<'a>, right: &Span<'a>) -> &'a str {
//~! pub fn shorter(left: &Span, right: &Span) -> &str {
    if left.text.len() < right.text.len() {
        left.text
    } else {
        right.text
    }
}
@ lifetime_returns
pub fn either<'a>(flag: bool, left: &'a str, right: &'a str) -> &'a str {
//~! pub fn either(flag: bool, left: &str, right: &str) -> &str {
//~! pub fn either<'a>(flag: bool, left: &'a str, right: &str) -> &'a str {
    if flag {
        left
    } else {
        right
    }
}

pub fn constant() -> &'static str {
//~! pub fn constant() -> &str {
    "constant"
}
@ lifetime_trait
pub trait Source {
    fn next(&mut self) -> Option<char>;
}

pub struct Text<'a> {
    letters: std::str::Chars<'a>,
    //~! letters: std::str::Chars,
}

impl<'a> Source for Text<'a> {
//~! impl Source for Text<'a> {
    fn next(&mut self) -> Option<char> {
    //~ fn next(&self) -> Option<char> {
        self.letters.next()
    }
}
@ paths_and_modules
use std::collections::BTreeMap;
//~! -
//~! use std::collection::BTreeMap;
use std::fmt::Write;
pub fn table(rows: &[(u32, f64)]) -> String {
    let mut sorted = BTreeMap::new();
    for (key, value) in rows {
        sorted.insert(*key, *value);
    }
    let mut out = String::new();
    for (key, value) in &sorted {
        writeln!(out, "{} {}", key, value).unwrap();
        //~ writeln!("{} {}", key, value).unwrap();
    }
    out
}
@ std_paths
use std::sync::atomic::{AtomicUsize, Ordering};
pub struct Meter {
    count: AtomicUsize,
}

impl Meter {
    pub fn hit(&self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed)
        //~! self.count.fetch_add(1, Order::Relaxed)
        //~! self.count.fetch_add(1)
    }

    pub fn new() -> Meter {
        Meter { count: AtomicUsize::new(0) }
        //~! Meter { count: Atomic::new(0) }
        //~ Meter { count: 0 }
    }
}
@ std_functions
pub fn cleaned(values: &mut Vec<f64>) -> f64 {
    values.retain(|value| !value.is_nan());
    let largest = values.iter().cloned().fold(f64::MIN, f64::max);
    //~! let largest = values.iter().cloned().fold(F64::MIN, f64::max);
    let old = std::mem::replace(values, Vec::new());
    //~! let old = mem::replace(values, Vec::new());
    largest / old.len() as f64
    //~ largest / old.len()
}
@ derives_needed
#[derive(Debug, Clone, PartialEq)]
//~! #[derive(Debug, Clone)]
//~! #[derive(Clone, PartialEq)]
//~! #[derive(Debug, PartialEq)]
pub struct Card {
    pub suit: u8,
    pub rank: u8,
}

pub fn same(left: &Card, right: &Card) -> bool {
    left == right
}

pub fn copies(card: &Card) -> Vec<Card> {
    println!("{:?}", card);
    vec![card.clone(), card.clone()]
}
@ bounds_needed
use std::fmt::Display;
pub fn list<T: Display + Clone>(values: &[T]) -> (String, Vec<T>) {
//~! pub fn list<T: Display>(values: &[T]) -> (String, Vec<T>) {
//~! pub fn list<T: Clone>(values: &[T]) -> (String, Vec<T>) {
    let mut text = String::new();
    for value in values {
        text += &value.to_string();
        //~ text += value.to_string();
    }
    (text, values.to_vec())
}

pub fn sum<T: std::ops::Add<Output = T> + Copy>(left: T, right: T) -> T {
//~! pub fn sum<T: Copy>(left: T, right: T) -> T {
    left + right
}
@ question_marks
use std::num::ParseIntError;
pub fn both(left: &str, right: &str) -> Result<u32, ParseIntError> {
//~! pub fn both(left: &str, right: &str) -> u32 {
//~! pub fn both(left: &str, right: &str) -> Option<u32> {
    let one = left.parse::<u32>()?;
    let two = right.trim().parse::<u32>()?;
    //~ let two = right.trim().parse::<u32>();
    Ok(one * two)
    //~ one * two
}
@ index_types
pub fn at(values: &[f64], place: i32) -> f64 {
    values[place as usize]
    //~! values[place]
}

pub fn middle(values: &[f64]) -> f64 {
    let half = values.len() / 2;
    values[half]
    //~! values[half as i32]
    //~ values(half)
}
@ mixed_arithmetic
pub fn scaled(value: i32, factor: f64) -> f64 {
    value as f64 * factor
    //~! value * factor
}

pub fn mean(total: u64, count: usize) -> f64 {
    total as f64 / count as f64
    //~! total as f64 / count
    //~! total / count as f64
}

pub fn seconds(minutes: u32, extra: u64) -> u64 {
    minutes as u64 * 60 + extra
    //~! minutes * 60 + extra
}
@ collected_types
use std::collections::{BTreeSet, HashMap};
pub fn letters(text: &str) -> BTreeSet<char> {
    text.chars().collect()
    //~! text.bytes().collect()
    //~ text.chars().collect::<Vec<char>>()
}

pub fn lengths(words: &[String]) -> HashMap<String, usize> {
    words.iter().map(|word| (word.clone(), word.len())).collect()
    //~! words.iter().map(|word| word.len()).collect()
    //~ words.iter().map(|word| (word, word.len())).collect()
}
@ not_mutable
pub fn prepared(count: usize) -> Vec<usize> {
    let mut list = Vec::new();
    //~! let list = Vec::new();
    for at in 0..count {
        list.push(at * 2);
    }
    list.reverse();
    list
}

pub fn filled(list: &mut Vec<usize>, count: usize) {
//~! pub fn filled(list: &Vec<usize>, count: usize) {
    for at in 0..count {
        list.push(at);
    }
}
@ not_mutable_self
pub struct Purse {
    coins: Vec<u32>,
    opened: bool,
}

impl Purse {
    pub fn open(&mut self) {
    //~! pub fn open(&self) {
        self.opened = true;
    }

    pub fn put(&mut self, coin: u32) -> usize {
    //~! pub fn put(&self, coin: u32) -> usize {
        self.coins.push(coin);
        self.coins.len()
    }
}

pub fn sample() -> usize {
    let mut purse = Purse { coins: Vec::new(), opened: false };
    //~! let purse = Purse { coins: Vec::new(), opened: false };
    purse.open();
    purse.put(3)
}
