@ h_inventory
use std::collections::HashMap;
pub struct Inventory {
    stock: HashMap<String, u32>,
    capacity: usize,
}

impl Inventory {
    pub fn new(capacity: usize) -> Self {
        Self { stock: HashMap::new(), capacity }
        //~ Self { stock: HashMap::new() }
    }

    pub fn store(&mut self, name: &str, count: u32) -> bool {
    //~ pub fn store(&self, name: &str, count: u32) -> bool {
        if self.stock.len() >= self.capacity {
            return false;
        }
        self.stock.insert(name.to_string(), count);
        //~ self.stock.insert(name, count);
        true
    }

    pub fn count(&self, name: &str) -> u32 {
        *self.stock.get(name).unwrap_or(&0)
        //~ self.stock.get(name).unwrap_or(&0)
        //~ *self.stock.get(name).unwrap_or(0)
    }
}

pub fn sample() -> u32 {
    let mut inventory = Inventory::new(9);
    //~ let inventory = Inventory::new(9);
    inventory.store("bolt", 3);
    //~ inventory.store("bolt");
    inventory.count("bolt")
}
@ h_queue
use std::collections::VecDeque;
pub fn next_in_line(values: Vec<i64>) -> Option<i64> {
    let mut waiting: VecDeque<i64> = VecDeque::new();
    //~ let waiting: VecDeque<i64> = VecDeque::new();
    for value in values {
        waiting.push_back(value);
    }
    let front = waiting.pop_front()?;
    //~ let front = waiting.pop_front();
    Some(front + 3)
    //~ front + 3
}
@ h_state_machine
#[derive(Debug, Clone, PartialEq)]
//~ #[derive(Debug, PartialEq)]
pub enum Stage {
    Draft,
    Review,
    Final,
}

impl Stage {
    pub fn next(&self) -> Stage {
        match self {
            Stage::Draft => Stage::Review,
            //~ Stage::Draft => Review,
            Stage::Review => Stage::Final,
            Stage::Final => Stage::Draft,
            //~ -
        }
    }
}

pub fn after(stage: &Stage, steps: usize) -> Stage {
    let mut now = stage.clone();
    //~ let now = stage.clone();
    //~ let mut now = stage;
    for _ in 0..steps {
        now = now.next();
        //~ now = now.next;
    }
    now
}
@ h_address
#[derive(Debug, Clone)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub user: Option<String>,
}

pub fn parse(text: &str) -> Result<Address, String> {
    let mut parts = text.split(':');
    //~ let parts = text.split(':');
    let host = parts.next().ok_or("no host")?.to_string();
    let digits = parts.next().ok_or("no port")?;
    let port = digits.parse::<u16>().map_err(|e| e.to_string())?;
    //~ let port = digits.parse::<u16>().map_err(|e| e.to_string());
    Ok(Address { host, port, user: None })
    //~ Ok(Address { host, port })
    //~ Address { host, port, user: None }
}

pub fn who(address: &Address) -> String {
    match &address.user {
    //~! match address.user {
        Some(user) => user.clone(),
        None => address.host.clone(),
        //~ None => address.host,
        //~ -
    }
}
@ h_temperature
pub struct Celsius {
    pub degrees: f64,
}

pub struct Fahrenheit {
    pub value: f64,
}

impl From<Celsius> for Fahrenheit {
    fn from(from: Celsius) -> Self {
        Fahrenheit { value: from.degrees * 1.8 + 32.0 }
        //~ Fahrenheit { value: from.degrees * 1.8 + 32 }
        //~ Fahrenheit { value: from * 1.8 + 32.0 }
    }
}

pub fn convert(degrees: f64) -> f64 {
    let warm = Celsius { degrees };
    let other: Fahrenheit = warm.into();
    //~ let other = warm.into();
    other.value
    //~ other.degrees
}
@ h_memo
pub fn memo(at: usize, known: &mut Vec<Option<u64>>) -> u64 {
    if at < 2 {
        return at as u64;
        //~ return at;
    }
    if let Some(value) = known[at] {
        return value;
    }
    let value = memo(at - 1, known) + memo(at - 2, known);
    //~ let value = memo(at - 1) + memo(at - 2, known);
    known[at] = Some(value);
    //~ known[at] = value;
    value
}

pub fn start() -> u64 {
    let mut known = vec![None; 41];
    //~ let known = vec![None; 41];
    memo(40, &mut known)
    //~ memo(40, &known)
    //~ memo(40, known)
}
@ h_students
#[derive(Debug, Clone)]
pub struct Student {
    name: String,
    marks: Vec<u32>,
}

impl Student {
    fn mean(&self) -> f64 {
        let total: u32 = self.marks.iter().sum();
        //~ let total = self.marks.iter().sum();
        total as f64 / self.marks.len() as f64
        //~ total as f64 / self.marks.len()
    }
}

pub fn best(students: &[Student]) -> Option<String> {
    let mut found: Option<&Student> = None;
    //~ let found: Option<&Student> = None;
    for student in students {
        if student.mean() > 4.5 {
            found = Some(student);
            //~ found = student;
        }
    }
    found.map(|student| student.name.clone())
    //~ found.map(|student| student.name)
}
@ h_cipher
pub fn shifted(text: &str, by: u8) -> String {
    let mut out = String::new();
    //~ let out = String::new();
    for letter in text.chars() {
        if letter.is_ascii_lowercase() {
            let code = (letter as u8 - b'a' + by) % 26;
            //~ let code = (letter - b'a' + by) % 26;
            out.push((code + b'a') as char);
            //~ out.push(code + b'a');
        } else {
            out.push(letter);
        }
    }
    out
    //~ &out
}
@ h_zip_pairs
pub fn pairs(names: &[String], values: &[i64]) -> Vec<(String, i64)> {
    let mut out = Vec::new();
    for (name, value) in names.iter().zip(values.iter()) {
    //~ for name, value in names.iter().zip(values.iter()) {
        out.push((name.clone(), *value));
        //~ out.push((name, *value));
        //~ out.push(name.clone(), *value);
    }
    out
}
@ h_lookup_ref
pub struct Table {
    rows: Vec<(String, i64)>,
}

impl Table {
    pub fn find(&self, name: &str) -> Option<&i64> {
    //~! pub fn find(&self, name: &str) -> Option<i64> {
        for (key, value) in &self.rows {
        //~! for (key, value) in self.rows {
            if key == name {
                return Some(value);
                //~ return value;
            }
        }
        None
    }

    pub fn bump(&mut self, name: &str) {
        for (key, value) in self.rows.iter_mut() {
        //~ for (key, value) in self.rows.iter() {
            if key == name {
                *value += 1;
                //~ value += 1;
            }
        }
    }
}
@ h_event_log
#[derive(Debug)]
pub enum Event {
    Start(u32),
    Note(u32, String),
    Stop,
}

pub fn line(event: &Event) -> String {
    match event {
        Event::Start(at) => format!("start {}", at),
        //~! Event::Start(at, _) => format!("start {}", at),
        Event::Note(at, text) => format!("{} {}", at, text),
        //~! Event::Note(text) => format!("{}", text),
        Event::Stop => String::from("stop"),
        //~ Event::Stop => "stop",
        //~ -
    }
}
@ h_borrowed_report
pub struct Report<'a> {
//~ pub struct Report {
    title: &'a str,
    //~ title: &str,
    lines: Vec<&'a str>,
}

impl<'a> Report<'a> {
    pub fn add(&mut self, line: &'a str) {
    //~ pub fn add(&self, line: &'a str) {
        self.lines.push(line);
    }

    pub fn render(&self) -> String {
        let body = self.lines.join("\n");
        format!("{}: {}", self.title, body)
        //~ format!("{}: {}", title, body)
    }
}
@ h_drain_then_use
pub fn split(values: &mut Vec<i64>) -> (i64, usize) {
    let top = values[0];
    //~! let top = &values[0];
    values.remove(0);
    let size = values.len();
    (top, size)
    //~ (top, size, 0)
}
@ h_consumed_twice
pub struct Ticket {
    pub code: String,
}

pub fn redeem(ticket: Ticket) -> usize {
    ticket.code.len()
}

pub fn check() -> usize {
    let ticket = Ticket { code: String::from("abc") };
    let label = ticket.code.clone();
    //~! let label = ticket.code;
    let size = redeem(ticket);
    //~ let size = redeem();
    size + label.len()
}
@ h_worker_threads
use std::thread;
pub fn squares(values: Vec<u64>) -> Vec<u64> {
    let mut handles = Vec::new();
    for value in values {
        handles.push(thread::spawn(move || value * value));
        //~! handles.push(thread::spawn(|| value * value));
    }
    let mut out = Vec::new();
    for handle in handles {
        out.push(handle.join().unwrap());
        //~ out.push(handle.join());
    }
    out
}
@ h_generic_pair
pub struct Couple<T> {
    pub left: T,
    pub right: T,
}

impl<T: PartialOrd + Clone> Couple<T> {
//~ impl<T: Clone> Couple<T> {
//~ impl<T: PartialOrd> Couple<T> {
    pub fn larger(&self) -> T {
        if self.left > self.right {
            self.left.clone()
            //~ self.left
        } else {
            self.right.clone()
        }
    }
}
@ h_volume_trait
pub trait Solid {
    fn volume(&self) -> f64;
    fn doubled(&self) -> f64 {
        self.volume() * 2.0
        //~ self.volume * 2.0
        //~ volume() * 2.0
    }
}

pub struct Cube {
    pub edge: f64,
}

impl Solid for Cube {
    fn volume(&self) -> f64 {
    //~ fn volume(self) -> f64 {
    //~ fn volumes(&self) -> f64 {
        self.edge.powi(3)
        //~ self.edge.powi(3.0)
    }
}

pub fn all(solids: &[Box<dyn Solid>]) -> f64 {
    solids.iter().map(|solid| solid.volume()).sum()
    //~ solids.iter().map(|solid| solid.volume())
}
@ h_menu_module
pub mod menu {
    #[derive(Debug)]
    pub struct Dish {
        pub title: String,
        pub price: u32,
        //~ price: u32,
    }

    pub fn soup() -> Dish {
    //~ fn soup() -> Dish {
        Dish { title: "soup".to_string(), price: 7 }
        //~ Dish { title: "soup", price: 7 }
    }
}

pub fn bill() -> u32 {
    let dish = menu::soup();
    //~ let dish = soup();
    println!("{:?}", dish);
    dish.price + 2
}
@ h_local_string
pub fn banner(title: &str) -> String {
    let mut text = String::from(title);
    //~ let text = String::from(title);
    text.push_str(" - ");
    //~ text.push(" - ");
    text
    //~ text.as_str()
}
@ h_merge_sorted
pub fn merge(left: &[i64], right: &[i64]) -> Vec<i64> {
    let mut out = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    //~ let (i, j) = (0, 0);
    while i < left.len() && j < right.len() {
        if left[i] <= right[j] {
            out.push(left[i]);
            //~ out.push(&left[i]);
            i += 1;
        } else {
            out.push(right[j]);
            j += 1;
        }
    }
    out.extend_from_slice(&left[i..]);
    //~ out.extend_from_slice(left[i..]);
    out.extend_from_slice(&right[j..]);
    out
}
