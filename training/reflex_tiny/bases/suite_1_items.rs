@ s_parking_lot
pub struct ParkingLot {
    pub spaces: usize,
    pub plates: Vec<String>,
}

impl ParkingLot {
    pub fn new(spaces: usize) -> Self {
        ParkingLot { spaces, plates: Vec::new() }
        //~ ParkingLot { spaces }
    }

    pub fn enter(&mut self, plate: &str) -> bool {
    //~ pub fn enter(&self, plate: &str) -> bool {
        if self.plates.len() < self.spaces {
            self.plates.push(plate.to_string());
            //~ self.plates.push(plate);
            return true;
        }
        false
    }
}

pub fn open_day() -> bool {
    let mut lot = ParkingLot::new(40);
    //~ let lot = ParkingLot::new(40);
    //~ let mut lot = ParkingLot::new();
    lot.enter("red") && lot.enter("blue")
}
@ s_ticket_price
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Visitor {
    Child,
    Student,
    Adult,
}

pub fn price(visitor: Visitor, days: u32) -> u32 {
    let single = match visitor {
        Visitor::Child => 5,
        Visitor::Student => 7,
        //~! -
        Visitor::Adult => 12,
        //~ Adult => 12,
    };
    single * days
    //~ single * visitor
}
@ s_password_rule
pub fn is_strong(word: &str) -> bool {
    let long = word.len() > 9;
    let digit = word.chars().any(|each| each.is_ascii_digit());
    //~ let digit = word.any(|each| each.is_ascii_digit());
    let upper = word.chars().any(char::is_uppercase);
    long && digit && upper
    //~ long && digit && uper
}
@ s_score_board
use std::collections::HashMap;
pub struct ScoreBoard {
    points: HashMap<String, i64>,
}

impl ScoreBoard {
    pub fn add(&mut self, player: &str, more: i64) {
    //~ pub fn add(self, player: &str, more: i64) {
        *self.points.entry(player.to_string()).or_insert(0) += more;
        //~ self.points.entry(player.to_string()).or_insert(0) += more;
        //~ *self.points.entry(player).or_insert(0) += more;
    }

    pub fn best(&self) -> Option<&String> {
        let (name, _) = self.points.iter().max_by_key(|(_, points)| **points)?;
        //~ let (name, _) = self.points.iter().max_by_key(|(_, points)| **points);
        Some(name)
        //~ name
    }
}
@ s_rectangle_math
#[derive(Debug, Clone, PartialEq)]
pub struct Rectangle {
    pub width: f64,
    pub height: f64,
}

pub fn area(shape: &Rectangle) -> f64 {
    shape.width * shape.height
    //~! shape.width * shape.depth
}

pub fn scaled(shape: &Rectangle, factor: f64) -> Rectangle {
    Rectangle { width: shape.width * factor, height: shape.height * factor }
    //~! Rectangle { width: shape.width * factor }
    //~! Rectangle { width: shape.width * factor, tall: shape.height * factor }
}

pub fn same(left: &Rectangle, right: &Rectangle) -> bool {
    left == right
    //~ left = right
}
@ s_temperature_log
pub fn warm_days(log: &[f64], limit: f64) -> usize {
    let mut days = 0;
    //~ let days = 0;
    for degrees in log {
        if *degrees > limit {
        //~ if degrees > limit {
            days += 1;
        }
    }
    days
    //~ Some(days)
}
@ s_shopping_list
pub fn shopping(items: &[String]) -> String {
    let mut text = String::new();
    //~ let text = String::new();
    for (number, item) in items.iter().enumerate() {
    //~ for (number, item) in items.iter() {
        text.push_str(&format!("{}. {}", number, item));
        //~ text.push_str(format!("{}. {}", number, item));
        text.push(' ');
        //~ text.push(" ");
    }
    text
}
@ s_safe_root
pub fn root(value: f64) -> Result<f64, String> {
    if value < 0.0 {
    //~ if value < 0 {
        return Err(String::from("negative"));
        //~ return Err("negative");
    }
    Ok(value.sqrt())
    //~ value.sqrt()
}

pub fn sum_of_roots(left: f64, right: f64) -> Result<f64, String> {
    let first = root(left)?;
    //~ let first = root(left);
    let second = root(right)?;
    Ok(first + second)
    //~ first + second
}
@ s_named_animal
pub trait Animal {
    fn sound(&self) -> String;
    fn legs(&self) -> u32;
}

pub struct Dog {
    pub name: String,
}

impl Animal for Dog {
    fn sound(&self) -> String {
    //~! fn sound(&self) -> usize {
    //~! fn voice(&self) -> String {
        format!("{} barks", self.name)
    }

    fn legs(&self) -> u32 {
    //~! fn legs(&self, extra: u32) -> u32 {
        4
    }
}

pub fn describe(animal: &dyn Animal) -> String {
//~ pub fn describe(animal: &Animal) -> String {
    format!("{} with {}", animal.sound(), animal.legs())
    //~ format!("{} with {}", animal.sound, animal.legs())
}
@ s_half_open
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn size(&self) -> usize {
        self.end - self.start
        //~! end - self.start
    }

    pub fn holds(&self, at: usize) -> bool {
        at >= self.start && at < self.end
        //~ at >= self.start && at < self.end()
    }
}

pub fn longest(left: Span, right: Span) -> Span {
    if left.size() > right.size() { left } else { right }
    //~ if left.size() > right.size() { left } else { right.size() }
}
@ s_bank_transfer
pub fn transfer(accounts: &mut [i64], from: usize, to: usize, amount: i64) -> bool {
//~! pub fn transfer(accounts: &[i64], from: usize, to: usize, amount: i64) -> bool {
    if accounts[from] < amount {
        return false;
        //~ return;
    }
    accounts[from] -= amount;
    accounts[to] += amount;
    true
}

pub fn example() -> i64 {
    let mut accounts = vec![50, 20, 9];
    //~ let accounts = vec![50, 20, 9];
    transfer(&mut accounts, 0, 1, 25);
    //~! transfer(&accounts, 0, 1, 25);
    //~! transfer(&mut accounts, 0, 25);
    accounts[1]
}
@ s_title_case
pub fn title(word: &str) -> String {
    let mut letters = word.chars();
    //~ let letters = word.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
        //~! -
    }
}

pub fn headline(line: &str) -> String {
    let words: Vec<String> = line.split(' ').map(title).collect();
    //~! let words = line.split(' ').map(title).collect();
    words.join(" ")
    //~ words.join(' ')
}
@ s_moved_letter
pub struct Letter {
    pub address: String,
    pub pages: Vec<String>,
}

pub fn post(letter: Letter) -> usize {
    letter.pages.len()
}

pub fn send(letter: Letter) -> String {
    let address = letter.address.clone();
    //~! let address = letter.address;
    let count = post(letter);
    format!("{} to {}", count, address)
    //~! format!("{} to {}", count, letter.address)
}
@ s_moved_list
pub fn consume(values: Vec<u32>) -> u32 {
    values.into_iter().sum()
}

pub fn twice(values: Vec<u32>) -> u32 {
    let first = consume(values.clone());
    //~! let first = consume(values);
    let second = consume(values);
    first + second
}
@ s_first_line
pub fn first_line(text: &str) -> &str {
//~! pub fn first_line(text: String) -> &str {
    text.lines().next().unwrap_or("")
    //~ text.lines().next()
    //~ text.lines().next().unwrap_or(String::new())
}

pub fn line_size(text: &str) -> usize {
    first_line(text).len()
    //~ first_line(text).size()
}
@ s_longest_slice
pub fn longest<'a>(left: &'a [i64], right: &'a [i64]) -> &'a [i64] {
//~! pub fn longest(left: &[i64], right: &[i64]) -> &[i64] {
//~! pub fn longest<'a>(left: &'a [i64], right: &'b [i64]) -> &'a [i64] {
    if left.len() >= right.len() {
        left
    } else {
        right
    }
}
@ s_word_view
pub struct WordView<'a> {
//~! pub struct WordView {
    pub word: &'a str,
    //~! pub word: &str,
    pub line: usize,
}

pub fn view(text: &str, line: usize) -> WordView<'_> {
    WordView { word: text.trim(), line }
    //~ WordView { word: text.trim() }
}
@ s_playlist
#[derive(Debug, Clone)]
//~! #[derive(Debug)]
pub struct Song {
    pub title: String,
    pub seconds: u32,
}

pub fn total(songs: &[Song]) -> u32 {
    songs.iter().map(|song| song.seconds).sum()
    //~ songs.iter().map(|song| song.length).sum()
    //~ songs.map(|song| song.seconds).sum()
}

pub fn doubled(songs: &[Song]) -> Vec<Song> {
    let mut list = songs.to_vec();
    list.extend(songs.iter().cloned());
    println!("{:?}", list);
    list
}
@ s_light_switch
pub enum Switch {
    On(u32),
    Off,
}

pub fn level(switch: &Switch) -> u32 {
    match switch {
        Switch::On(level) => *level,
        //~! Switch::On(level, _) => *level,
        //~! Switch::On => 9,
        //~ Switch::On(level) => level,
        Switch::Off => 0,
        //~! -
    }
}

pub fn dimmed(switch: Switch) -> Switch {
    match switch {
        Switch::On(level) if level > 3 => Switch::On(level - 3),
        _ => Switch::Off,
        //~! -
    }
}
@ s_shape_fields
pub enum Figure {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

pub fn surface(figure: &Figure) -> f64 {
    match figure {
        Figure::Circle { radius } => 3.14 * radius * radius,
        //~! Figure::Circle { size } => 3.14 * size * size,
        Figure::Box { width, height } => width * height,
        //~! Figure::Box { width } => width * width,
        //~! -
    }
}
@ s_cache_slot
pub struct Slot {
    pub value: Option<String>,
    pub reads: u32,
}

impl Slot {
    pub fn read(&mut self) -> Option<String> {
    //~! pub fn read(&self) -> Option<String> {
        self.reads += 1;
        self.value.clone()
        //~! self.value
    }

    pub fn empty(&mut self) -> Option<String> {
        self.value.take()
        //~! self.value
    }
}
@ s_boxed_number
pub fn unboxed(given: &Option<Box<i64>>) -> i64 {
    match given {
        Some(inner) => **inner,
        //~ Some(inner) => inner,
        //~ Some(inner) => *inner,
        None => 0,
        //~! -
    }
}
@ s_number_guess
pub fn guess(text: &str, secret: i32) -> String {
    let number: i32 = match text.trim().parse() {
    //~! let number = match text.trim().parse() {
        Ok(found) => found,
        //~ Ok(found) => Some(found),
        Err(_) => return String::from("no number"),
        //~ Err(_) => return "no number",
    };
    if number == secret {
    //~ if number = secret {
        "right".to_string()
        //~ "right"
    } else {
        "wrong".to_string()
    }
}
@ s_stair_count
pub fn stairs(steps: u32) -> u64 {
    let mut one: u64 = 1;
    //~ let one: u64 = 1;
    let mut two: u64 = 1;
    for _ in 1..steps {
    //~ for _ in steps {
        let next = one + two;
        one = two;
        two = next;
        //~ two = nxt;
    }
    two
    //~ return two as u32;
}
@ s_pair_average
pub struct Pair<T> {
    pub left: T,
    pub right: T,
}

impl<T: Copy + Into<f64>> Pair<T> {
//~! impl<T: Copy> Pair<T> {
//~! impl Pair<T> {
    pub fn average(&self) -> f64 {
        let sum = self.left.into() + self.right.into();
        sum / 2.0
        //~! sum / 2
    }
}
@ s_largest_of
pub fn largest<T: PartialOrd + Copy>(values: &[T]) -> Option<T> {
//~! pub fn largest<T: Copy>(values: &[T]) -> Option<T> {
//~! pub fn largest(values: &[T]) -> Option<T> {
    let mut best = *values.first()?;
    //~! let best = *values.first()?;
    for value in values {
        if *value > best {
            best = *value;
        }
    }
    Some(best)
}
@ s_show_all
use std::fmt::Display;
//~! -
pub fn show_all<T: Display>(values: &[T]) -> String {
//~! pub fn show_all<T>(values: &[T]) -> String {
    let mut text = String::new();
    for value in values {
        text.push_str(&value.to_string());
        //~ text.push_str(value.to_string());
    }
    text
}
@ s_money_display
use std::fmt;
//~! -
pub struct Money {
    pub cents: u64,
}

impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}.{}", self.cents / 100, self.cents % 100)
        //~! write!(out, "{}.{}", cents / 100, self.cents % 100)
    }
}

pub fn bill(money: &Money) -> String {
    format!("total {}", money)
    //~! format!("total {:?}", money)
}
@ s_garden_module
pub mod garden {
    pub fn plants(rows: u32, columns: u32) -> u32 {
    //~! fn plants(rows: u32, columns: u32) -> u32 {
        rows * columns
    }

    pub struct Bed {
        pub size: u32,
        //~! size: u32,
    }
}

pub fn beds() -> u32 {
    let bed = garden::Bed { size: garden::plants(3, 4) };
    //~! let bed = garden::Bed { size: plants(3, 4) };
    //~! let bed = Bed { size: garden::plants(3, 4) };
    bed.size
}
@ s_nested_path
pub mod outer {
    pub mod inner {
        pub fn value() -> i32 {
        //~! fn value() -> i32 {
            7
        }
    }
}

use outer::inner::value;
//~! use outer::inner::valu;
//~! use outer::iner::value;
pub fn read() -> i32 {
    value() + 3
}
@ s_sensor_sum
use std::collections::BTreeMap;
//~! -
pub fn sums(readings: &[(String, f64)]) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    for (name, value) in readings {
        *found.entry(name.clone()).or_insert(0.0) += value;
        //~! *found.entry(name.clone()).or_insert(0) += value;
        //~ *found.entry(name).or_insert(0.0) += value;
    }
    found
}
@ s_shared_names
use std::rc::Rc;
//~! -
pub fn share(name: &str) -> (Rc<String>, Rc<String>) {
    let first = Rc::new(name.to_string());
    //~ let first = Rc::new(name);
    let second = Rc::clone(&first);
    //~! let second = first;
    //~ let second = Rc::clone(first);
    (first, second)
}
@ s_cell_counter
use std::cell::RefCell;
pub struct Visits {
    pub pages: RefCell<Vec<String>>,
}

impl Visits {
    pub fn note(&self, page: &str) {
        self.pages.borrow_mut().push(page.to_string());
        //~! self.pages.push(page.to_string());
        //~ self.pages.borrow_mut().push(page);
    }

    pub fn count(&self) -> usize {
        self.pages.borrow().len()
        //~! self.pages.len()
    }
}
@ s_thread_length
use std::thread;
//~! -
pub fn length(words: Vec<String>) -> usize {
    let handle = thread::spawn(move || words.len());
    //~! let handle = thread::spawn(|| words.len());
    handle.join().unwrap_or(0)
    //~ handle.join()
    //~! handle.join().unwrap_or("0")
}
@ s_adder_closure
pub fn adder(step: i64) -> impl Fn(i64) -> i64 {
    move |value| value + step
    //~! |value| value + step
}

pub fn apply(value: i64) -> i64 {
    let plus = adder(4);
    //~! let plus = adder();
    plus(value)
    //~ plus(value, 3)
    //~ plus.call(value)
}
@ s_filter_boxed
pub fn filtered(values: &[i64], rule: Box<dyn Fn(&i64) -> bool>) -> Vec<i64> {
    values.iter().copied().filter(|value| rule(value)).collect()
    //~ values.iter().filter(|value| rule(value)).collect()
}

pub fn positive(values: &[i64]) -> Vec<i64> {
    filtered(values, Box::new(|value| *value > 0))
    //~! filtered(values, |value| *value > 0)
    //~ filtered(Box::new(|value| *value > 0))
}
@ s_growing_tower
pub fn tower(mut blocks: Vec<u32>) -> u32 {
//~! pub fn tower(blocks: Vec<u32>) -> u32 {
    let top = blocks[0];
    //~! let top = &blocks[0];
    blocks.push(top + 3);
    //~! blocks.push("top");
    blocks.iter().sum::<u32>() + top
    //~! blocks.iter().sum() + top
}
@ s_two_editors
pub fn edit(text: &mut String) -> usize {
    {
        let writer = &mut *text;
        //~ let writer = &*text;
        writer.push('x');
        //~ writer.push("x");
    }
    let reader = &*text;
    reader.len()
}
@ s_swap_first
pub fn swap_first(left: &mut Vec<i64>, right: &mut Vec<i64>) {
//~! pub fn swap_first(left: &mut Vec<i64>, right: &Vec<i64>) {
    let kept = left[0];
    left[0] = right[0];
    right[0] = kept;
    //~ right[0] = Some(kept);
}

pub fn run() -> i64 {
    let mut one = vec![3, 4];
    let mut two = vec![5, 6];
    //~! let two = vec![5, 6];
    swap_first(&mut one, &mut two);
    //~! swap_first(&mut one, &mut one);
    //~! swap_first(&mut one);
    one[0] + two[0]
}
@ s_box_label
pub fn label(name: &str) -> String {
    let text = format!("box {}", name);
    text
    //~! &text
    //~! text.as_str()
}

pub fn labels(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| label(name)).collect()
    //~ names.iter().map(|name| label()).collect()
}
@ s_season_scope
pub fn season(month: u32) -> String {
    let name;
    {
        let found = if month < 6 { "spring" } else { "autumn" };
        name = found.to_string();
        //~ name = found;
    }
    name
}
@ s_water_level
pub struct Tank {
    level: u32,
    limit: u32,
}

impl Tank {
    const EMPTY: u32 = 0;

    pub fn new(limit: u32) -> Tank {
        Tank { level: Self::EMPTY, limit }
        //~! Tank { level: EMPTY, limit }
        //~! Tank { level: Self::EMPTY }
    }

    pub fn fill(&mut self, amount: u32) -> Result<u32, String> {
        if self.level + amount > self.limit {
            return Err(format!("only {} fit", self.limit - self.level));
        }
        self.level += amount;
        Ok(self.level)
        //~! self.level
    }
}

pub fn filled(amount: u32) -> Result<u32, String> {
    let mut tank = Tank::new(50);
    //~! let tank = Tank::new(50);
    tank.fill(amount)?;
    let level = tank.fill(3)?;
    //~ let level = tank.fill()?;
    Ok(level)
}
@ s_clock_time
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Clock {
    pub hours: u8,
    pub minutes: u8,
}

pub fn later(left: Clock, right: Clock) -> Clock {
    if left > right { left } else { right }
}

pub fn minutes(clock: Clock) -> u32 {
    clock.hours as u32 * 60 + clock.minutes as u32
    //~! clock.hours * 60 + clock.minutes as u32
    //~! clock.hours as u32 * 60 + clock.seconds as u32
    //~! clock.hours() as u32 * 60 + clock.minutes as u32
}
@ s_vector_sum
use std::ops::Add;
#[derive(Debug, Clone, Copy)]
pub struct Force {
    pub x: f64,
    pub y: f64,
}

impl Add for Force {
    type Output = Force;
    //~! -

    fn add(self, other: Force) -> Force {
        Force { x: self.x + other.x, y: self.y + other.y }
        //~! Force { x: self.x + other.x, z: self.y + other.y }
    }
}

pub fn combined(left: Force, right: Force) -> Force {
    left + right
    //~! left - right
}
@ s_even_numbers
pub struct Evens {
    next: u32,
}

impl Iterator for Evens {
    type Item = u32;
    //~! type Item = u64;

    fn next(&mut self) -> Option<u32> {
        self.next += 2;
        Some(self.next)
        //~! self.next
    }
}

pub fn first_evens(count: usize) -> Vec<u32> {
    Evens { next: 0 }.take(count).collect()
    //~ Evens { next: 0 }.take(count)
}
@ s_weekday_text
pub fn weekday(number: u8) -> &'static str {
//~! pub fn weekday(number: u8) -> &str {
    match number {
        0 => "monday",
        1 => "tuesday",
        2..=6 => "later",
        _ => "none",
        //~! -
    }
}
@ s_age_group
pub fn group(age: Option<u32>) -> &'static str {
    match age {
        Some(years) if years < 18 => "young",
        //~ Some(years) if age < 18 => "young",
        Some(_) => "grown",
        //~! -
        None => "unknown",
        //~ None => 'u',
    }
}
@ s_fixed_table
const ROWS: usize = 4;
//~! let ROWS: usize = 4;
pub fn table(start: i64) -> [i64; ROWS] {
    let mut cells = [0; ROWS];
    //~ let cells = [0; ROWS];
    for (at, cell) in cells.iter_mut().enumerate() {
        *cell = start + at as i64;
        //~! *cell = start + at;
        //~ cell = start + at as i64;
    }
    cells
}
@ s_config_default
#[derive(Debug, Default, Clone)]
//~! #[derive(Debug, Clone)]
pub struct Config {
    pub host: String,
    pub port: u32,
    pub verbose: bool,
}

pub fn local() -> Config {
    Config { host: "local".to_string(), ..Default::default() }
    //~! Config { host: "local".to_string() }
    //~ Config { host: "local", ..Default::default() }
}

pub fn loud(config: &Config) -> Config {
    let mut copy = config.clone();
    //~! let copy = config.clone();
    copy.verbose = true;
    //~! copy.verbosity = true;
    //~! copy.verbose = 1;
    copy
}
