@ h_stale_reference
pub fn rotate(queue: &mut Vec<u32>) -> usize {
    let head = queue[0];
    //~! let head = &queue[0];
    //~ let head = &mut queue[0];
    queue.push(head + 1);
    queue.remove(0);
    println!("{}", head);
    queue.len()
}
@ h_stale_text
pub fn archive(pages: &mut Vec<String>, page: &str) -> String {
    let oldest = pages[0].clone();
    //~! let oldest = &pages[0];
    //~! let oldest = pages[0];
    pages.push(page.to_string());
    pages.truncate(9);
    oldest
}
@ h_double_lend
pub struct Mixer {
    pub left: Vec<f64>,
    pub right: Vec<f64>,
}

impl Mixer {
    pub fn channel(&mut self, at: usize) -> &mut f64 {
        if at == 0 {
            &mut self.left[0]
            //~ self.left[0]
        } else {
            &mut self.right[0]
        }
    }
}

pub fn balance(mixer: &mut Mixer) -> f64 {
    let low = *mixer.channel(0);
    //~! let low = mixer.channel(0);
    let high = *mixer.channel(1);
    //~ let high = mixer.channel();
    low + high
}
@ h_lent_and_given
pub fn ship(box_text: String) -> usize {
    box_text.len() + 1
}

pub fn order() -> usize {
    let box_text = String::from("glass");
    let label = box_text.clone();
    //~! let label = &box_text;
    //~ let label = box_text;
    let cost = ship(box_text);
    //~ let cost = ship(&box_text);
    cost * label.len()
}
@ h_dropped_too_early
pub fn closing_time() -> usize {
    let door = vec![3, 4, 5];
    let handle = door.len();
    //~! let handle = &door;
    drop(door);
    println!("{:?}", handle);
    3
}
@ h_local_view
pub fn nickname<'a>(full: &'a str, ending: &str) -> &'a str {
    let short = format!("{}{}", full, ending);
    println!("{}", short);
    full
    //~! &short
    //~! short.as_str()
    //~ short
}
@ h_local_maximum
pub fn peak<'a>(left: &'a [f64], right: &'a [f64]) -> &'a [f64] {
    let joined = [left, right].concat();
    println!("{}", joined.len());
    if left.len() > right.len() {
        left
        //~! &joined
    } else {
        right
    }
}
@ h_ended_scope
pub fn season() -> usize {
    let winter = String::from("winter");
    let name = winter.as_str();
    //~2! let name; ¶ { let winter = String::from("winter"); name = winter.as_str(); }
    name.len()
}
@ h_ended_block
pub fn maximum() -> u32 {
    let levels = vec![3u32, 8, 5];
    let top = levels.iter().max().unwrap();
    //~2! let top = { let levels = vec![3u32, 8, 5]; levels.iter().max().unwrap() };
    top + 1
}
@ h_overwritten
pub fn retitle() -> String {
    let mut title = String::from("draft");
    //~ let title = String::from("draft");
    let before = title.clone();
    //~! let before = &title;
    title = String::from("final");
    format!("{}>{}", before, title)
}
@ h_given_twice
pub struct Coin {
    pub value: u32,
}

pub fn spend(coin: Coin) -> u32 {
    coin.value
}

pub fn shop() -> u32 {
    let coin = Coin { value: 5 };
    let first = coin.value;
    //~! let first = spend(coin);
    let second = spend(coin);
    //~ let second = spend(coin, 2);
    first + second
}
@ h_given_in_loop
pub fn postcards(greeting: String, towns: &[String]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for town in towns {
        out.push((greeting.clone(), town.clone()));
        //~! out.push((greeting, town.clone()));
        //~ out.push((greeting.clone(), town));
    }
    out
}
@ h_given_to_thread
use std::thread;
pub fn background(job: String) -> usize {
    let size = thread::spawn(move || job.len() * 2);
    //~! let size = thread::spawn(|| job.len() * 2);
    size.join().unwrap_or_default()
    //~ size.join()
}
@ h_given_to_closure
pub fn discount(percent: f64) -> impl Fn(f64) -> f64 {
    move |price| price * (1.0 - percent)
    //~! |price| price * (1.0 - percent)
    //~ move |price| price * (1 - percent)
}

pub fn formatter(unit: String) -> Box<dyn Fn(f64) -> String> {
    Box::new(move |value| format!("{} {}", value, unit))
    //~! Box::new(|value| format!("{} {}", value, unit))
}
@ h_taken_from_loan
pub struct Parcel {
    pub sender: String,
    pub note: Option<String>,
}

pub fn sender(parcel: &Parcel) -> String {
    parcel.sender.clone()
    //~! parcel.sender
}

pub fn note(parcel: &Parcel) -> usize {
    match &parcel.note {
    //~! match parcel.note {
        Some(note) => note.len(),
        None => 0,
        //~! -
    }
}
@ h_tuple_variants
pub enum Signal {
    Tone(u32, f64),
    Pause(u32),
    Silence,
}

pub fn length(signal: &Signal) -> u32 {
    match signal {
        Signal::Tone(millis, _) => *millis,
        //~! Signal::Tone(millis) => *millis,
        //~! Signal::Tone(millis, _, _) => *millis,
        Signal::Pause(millis) => *millis,
        //~! Signal::Pause(millis, _) => *millis,
        //~! -
        Signal::Silence => 0,
        //~! -
    }
}
@ h_argument_list
pub fn mix(red: u8, green: u8, blue: u8) -> u32 {
    red as u32 + green as u32 + blue as u32
    //~ red as u32 + green as u32 + blue
}

pub fn gray(level: u8) -> u32 {
    mix(level, level, level)
    //~! mix(level, level)
    //~! mix(level)
    //~! mix(level, level, level, level)
}
@ h_named_lifetimes
pub struct Quote<'a> {
//~! pub struct Quote {
    pub words: &'a str,
    //~! pub words: &str,
    pub year: u16,
}

pub fn older<'a>(left: Quote<'a>, right: Quote<'a>) -> &'a str {
//~! pub fn older(left: &Quote, right: &Quote) -> &str {
    if left.year < right.year {
        left.words
    } else {
        right.words
    }
}
@ h_imports
use std::collections::BTreeSet;
//~! -
//~! use std::collection::BTreeSet;
pub fn distinct(words: &[&str]) -> usize {
    let mut seen = BTreeSet::new();
    //~ let seen = BTreeSet::new();
    //~! let mut seen = BTreSet::new();
    for word in words {
        seen.insert(word.len());
    }
    seen.len()
}
@ h_missing_bounds
pub fn smallest<T: PartialOrd + Copy>(first: T, second: T) -> T {
//~! pub fn smallest<T: Copy>(first: T, second: T) -> T {
//~! pub fn smallest<T>(first: T, second: T) -> T {
    if first < second {
        first
    } else {
        second
    }
}

pub fn repeated<T: Clone>(value: &T, count: usize) -> Vec<T> {
//~! pub fn repeated<T>(value: &T, count: usize) -> Vec<T> {
    vec![value.clone(); count]
}
@ h_fixed_bindings
pub fn countdown(start: u32) -> Vec<u32> {
    let mut left = start;
    //~! let left = start;
    let mut out = Vec::new();
    //~! let out = Vec::new();
    while left > 0 {
        out.push(left);
        left -= 1;
    }
    out
}

pub fn drain_into(from: &mut Vec<u32>, to: &mut Vec<u32>) {
//~! pub fn drain_into(from: &Vec<u32>, to: &mut Vec<u32>) {
    to.append(from);
    //~ to.append(&from);
}
@ h_missing_conversions
pub fn ratio(part: u32, whole: u64) -> f64 {
    part as f64 / whole as f64
    //~! part as f64 / whole
    //~! part / whole as f64
}

pub fn pick(values: &[u64], at: u8) -> u64 {
    values[at as usize]
    //~! values[at]
}
