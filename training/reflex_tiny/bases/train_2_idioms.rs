= any_large: ints -> flag
let $o = $x.iter().any(|each| *each > 9);
//~ let $o = $x.iter().any(|each| each > 9);
= all_small: ints -> flag
let mut $o = true;
//~ let $o = true;
for each in $x.iter() {
    if *each > 40 {
    //~ if each > 40 {
        $o = false;
    }
}
= slice_part: ints -> ints
let $o = $x[1..].to_vec();
//~ let $o: Vec<i64> = $x[1..];
//~ let $o: Vec<i64> = &$x[1..];
= pushed_pairs: ints -> pair
let mut low = $x[0];
//~ let low = $x[0];
let mut high = $x[0];
for each in $x.iter() {
    low = low.min(*each);
    //~ low = low.min(each);
    high = high.max(*each);
}
let $o = (low, high);
= partitioned: ints -> ints
let ($o, rest): (Vec<i64>, Vec<i64>) = $x.iter().partition(|each| **each > 5);
//~ let ($o, rest) = $x.iter().partition(|each| **each > 5);
println!("{}", rest.len());
= zipped_sum: ints -> int
let weights = [3, 4, 5];
let $o: i64 = $x.iter().zip(weights).map(|(each, weight)| each * weight).sum();
//~ let $o: i64 = $x.iter().zip(weights).map(|each, weight| each * weight).sum();
= position_of: ints -> size
let $o = $x.iter().position(|each| *each == 7).unwrap_or(0);
//~ let $o = $x.iter().position(|each| *each == 7);
= while_index: ints -> int
let mut at = 0;
//~ let at = 0;
let mut $o = 0;
while at < $x.len() {
//~ while at < $x {
    $o += $x[at];
    at += 1;
}
= deduped: ints! -> ints
let mut $o = $x;
//~ let $o = $x;
$o.sort();
$o.dedup();
//~ $o.dedup(1);
= boxed_ints: ints! -> size
let boxed = Box::new($x);
let $o = boxed.len();
//~ let $o: i64 = boxed.len();
= debugged: ints -> string
let mut $o = String::new();
//~ let $o = String::new();
for each in $x.iter() {
    $o += &each.to_string();
    //~ $o += each.to_string();
    //~ $o += each;
}
= ints_reals: ints -> reals
let $o: Vec<f64> = $x.iter().map(|each| *each as f64).collect();
//~ let $o: Vec<f64> = $x.iter().map(|each| *each).collect();
= ints_grid: ints -> grid
let $o = vec![$x.to_vec(), $x.iter().rev().copied().collect()];
//~ let $o = vec![$x.to_vec(), $x.iter().rev().collect()];
= optint_filter: optint -> optint
let $o = $x.filter(|inner| *inner > 3);
//~ let $o = $x.filter(|inner| inner > 3);
= optint_else: optint -> resint
let $o = match $x {
    Some(inner) => Ok(inner),
    //~ Some(inner) => inner,
    None => Err("nothing".to_string()),
    //~ None => Err("nothing"),
    //~ -
};
= optint_list: optint -> ints
let mut $o = Vec::new();
//~ let $o = Vec::new();
if let Some(inner) = $x {
    $o.push(inner);
    //~ $o.push($x);
}
= optint_zero: optint -> flag
let $o = $x == Some(0);
//~ let $o = $x == 0;
= optint_guard: optint -> int
let $o = match $x {
    Some(inner) if inner > 5 => inner,
    Some(inner) => inner * 2,
    //~ -
    None => 1,
    //~ -
};
= resint_mapped: resint! -> resint
let $o = $x.map(|value| value + 3);
//~ let $o: Result<i64, String> = $x + 3;
= resint_let: resint -> int
let mut $o = 0;
//~ let $o = 0;
if let Ok(value) = &$x {
//~ if let Ok(value, _) = &$x {
    $o += *value;
}
= resint_or_else: resint! -> int
let $o = $x.unwrap_or_else(|error| error.len() as i64);
//~ let $o = $x.unwrap_or_else(|error| error.len());
//~ let $o = $x.unwrap_or_else(|| 3);
= names_numbered: names -> names
let mut $o = Vec::new();
for (at, each) in $x.iter().enumerate() {
//~ for at, each in $x.iter().enumerate() {
//~ for (at, each) in $x.iter() {
    $o.push(format!("{at} {each}"));
}
= names_find: names -> optname
let $o = $x.iter().find(|each| each.starts_with("b")).cloned();
//~ let $o: Option<String> = $x.iter().find(|each| each.starts_with("b"));
= names_contain: names -> flag
let wanted = String::from("home");
let $o = $x.contains(&wanted);
//~ let $o = $x.contains(wanted);
//~ let $o = $x.contains("home");
= names_sorted: names! -> names
let mut $o = $x;
//~ let $o = $x;
$o.sort_by_key(|each| each.len());
//~ $o.sort_by_key(each.len());
= names_extend: names! -> names
let mut $o = $x;
//~ let $o = $x;
$o.insert(0, String::from("head"));
//~ $o.insert(0, "head");
//~ $o.insert(String::from("head"));
= names_letters: names -> chars
let $o: Vec<char> = $x.iter().flat_map(|each| each.chars()).collect();
//~ let $o: Vec<char> = $x.iter().map(|each| each.chars()).collect();
= names_pairs: names -> pairs
let $o: Vec<(String, i64)> = $x.iter().map(|each| (each.clone(), each.len() as i64)).collect();
//~ let $o: Vec<(String, i64)> = $x.iter().map(|each| (each.clone(), each.len())).collect();
//~ let $o: Vec<(String, i64)> = $x.iter().map(|each| (each, each.len() as i64)).collect();
= names_borrowed: names -> size
let first = $x.first().map(|each| each.as_str()).unwrap_or("");
//~ let first = $x.first().map(|each| each.as_str()).unwrap_or(0);
let $o = first.len();
= names_spent: names! -> string
let mut $o = String::new();
for each in $x {
    $o.push_str(&each);
    //~ $o.push_str(each);
    //~ $o.push(each);
}
= str_lines: str -> size
let $o = $x.lines().filter(|line| !line.is_empty()).count();
//~ let $o = $x.lines().filter(|line| !line.empty()).count();
= str_find: str -> size
let $o = $x.find('=').unwrap_or(0);
//~ let $o = $x.find('=');
= str_pair: str -> pairs
let mut $o = Vec::new();
if let Some((key, value)) = $x.split_once('=') {
//~ if let Some(key, value) = $x.split_once('=') {
    $o.push((key.to_string(), value.len() as i64));
    //~ $o.push((key, value.len() as i64));
    //~ $o.push(key.to_string(), value.len() as i64);
}
= str_upper_first: str -> optname
let $o = $x.chars().next().map(|letter| letter.to_uppercase().to_string());
//~ let $o: Option<String> = $x.chars().next().map(|letter| letter);
= str_default: str -> string
let $o = if $x.is_empty() { String::from("none") } else { $x.to_owned() };
//~ let $o = if $x.is_empty() { String::from("none") } else { $x };
//~ let $o = if $x.is_empty() { "none" } else { $x.to_owned() };
= str_match: str -> int
let $o = match $x {
    "one" => 1,
    "two" => 2,
    _ => 0,
    //~ -
};
= str_letters: str -> map
let mut $o: HashMap<String, i64> = HashMap::new();
//~ let $o: HashMap<String, i64> = HashMap::new();
for letter in $x.chars() {
//~ for letter in $x {
    *$o.entry(letter.to_string()).or_insert(0) += 1;
    //~ *$o.entry(letter).or_insert(0) += 1;
}
use std::collections::HashMap;
= string_cut: string! -> string
let mut $o = $x;
//~ let $o = $x;
$o.truncate(3);
//~ $o.truncate("3");
= string_both: string -> string
let $o = format!("{}-{}", $x, $x.len());
//~ let $o = format!("{}-{}", $x);
//~ let $o = format!("{}-{}", $x, $x.len);
= string_equal: string -> flag
let $o = $x == "exit";
//~ let $o = $x == 'e';
//~ let $o = $x == Some("exit");
= string_option: string! -> optname
let $o = if $x.is_empty() { None } else { Some($x) };
//~ let $o = if $x.is_empty() { None } else { $x };
= string_bytes: string -> int
let mut $o = 0;
//~ let $o = 0;
for byte in $x.bytes() {
//~ for byte in $x {
    $o += byte as i64;
    //~ $o += byte;
}
= string_closure: string! -> size
let measure = move || $x.len();
//~ let measure = move |_| $x.len();
let $o = measure();
= string_thread: string! -> size
let worker = std::thread::spawn(move || $x.len());
let $o = worker.join().unwrap_or(0);
//~ let $o: usize = worker.join();
= string_parsed: string -> resint
let $o = $x.trim().parse::<i64>().map_err(|error| error.to_string());
//~ let $o: Result<i64, String> = $x.trim().parse();
= int_match_range: int -> string
let $o = match $x {
    0..=9 => String::from("digit"),
    //~ 0..=9 => "digit",
    _ => $x.to_string(),
    //~ -
};
= int_optional: int -> optint
let $o = if $x % 3 == 0 { None } else { Some($x + 1) };
//~ let $o = if $x % 3 == 0 { None } else { $x + 1 };
= int_result: int -> resint
let $o = if $x > 3 { Ok($x) } else { Err("small".to_string()) };
//~ let $o = if $x > 3 { Ok($x) } else { Err("small") };
//~ let $o: Result<i64, String> = if $x > 3 { $x } else { Err("small".to_string()) };
= int_index: int -> size
let $o = $x as usize % 7;
//~ let $o: usize = $x % 7;
= int_grid: int -> grid
let $o = vec![vec![$x; 3]; 4];
//~ let $o: Vec<Vec<i64>> = vec![$x; 4];
= int_both: int -> flag
let $o = $x > 3 && $x < 50;
//~ let $o = $x > 3 && 50;
//~ let $o = 3 < $x < 50;
= int_letter: int -> ch
let $o = (b'a' + ($x % 26) as u8) as char;
//~ let $o = (b'a' + $x % 26) as char;
//~ let $o: char = b'a' + ($x % 26) as u8;
= int_block: int -> int
let $o = {
    let inner = $x + 3;
    inner * 2
    //~ inner * 2;
};
= int_fn: int -> int
fn step(value: i64, by: i64) -> i64 {
    value + by
    //~ value + by;
}
let $o = step($x, 4);
//~ let $o = step($x);
//~ let $o = step($x, 4, 5);
//~ let $o = step($x, "4");
= int_apply: int -> ints
let steps: Vec<Box<dyn Fn(i64) -> i64>> = vec![Box::new(|value| value + 1), Box::new(|value| value * 2)];
let $o: Vec<i64> = steps.iter().map(|step| step($x)).collect();
//~ let $o: Vec<i64> = steps.iter().map(|step| step()).collect();
= pair_swapped: pair -> pair
let $o = ($x.1, $x.0);
//~ let $o: (i64, i64) = [$x.1, $x.0];
= pair_match: pair -> string
let $o = match $x {
    (0, _) => "left".to_string(),
    (_, 0) => "right".to_string(),
    //~ (_, 0, _) => "right".to_string(),
    (left, right) => format!("{left} {right}"),
    //~ -
};
= size_optional: size -> optint
let $o = if $x == 0 { None } else { Some($x as i64) };
//~ let $o: Option<i64> = if $x == 0 { None } else { Some($x) };
= size_ints: size -> ints
let mut $o = vec![0; $x + 1];
//~ let $o = vec![0; $x + 1];
$o[0] = 3;
//~ $o[0] = "3";
= size_string: size -> string
let $o = "-".repeat($x);
//~ let $o: &str = "-".repeat($x);
//~ let $o = "-".repeat("$x");
= flag_option: flag -> optint
let $o = if $x { Some(3) } else { None };
//~ let $o = if $x { Some(3) };
//~ let $o: Option<i64> = if $x { 3 } else { None };
= flag_both: flag -> flag
let $o = !$x || 3 > 4;
//~ let $o = !$x || 3;
= real_compared: real -> flag
let $o = $x > 2.5;
//~ let $o = $x > 2;
= real_mixed: real -> real
let scale = 4;
let $o = $x * scale as f64;
//~ let $o = $x * scale;
= reals_scaled: reals -> reals
let $o: Vec<f64> = $x.iter().map(|each| each * 2.5).collect();
//~ let $o: Vec<f64> = $x.iter().map(|each| each * 2).collect();
= reals_count: reals -> size
let mut $o = 0;
//~ let $o = 0;
for each in $x.iter() {
    if *each > 0.5 {
    //~ if *each > 0 {
        $o += 1;
    }
}
= map_entry: map! -> map
let mut $o = $x;
//~ let $o = $x;
*$o.entry("total".to_string()).or_insert(0) += 3;
//~ $o.entry("total".to_string()).or_insert(0) += 3;
//~ *$o.entry("total").or_insert(0) += 3;
= map_if_let: map -> int
let mut $o = 0;
//~ let $o = 0;
if let Some(value) = $x.get("start") {
//~ if let Some(value) = $x.get('s') {
    $o = *value;
    //~ $o = value;
}
= map_len: map -> size
let $o = $x.len();
//~ let $o: i64 = $x.len();
= map_sorted: map -> pairs
let mut $o: Vec<(String, i64)> = $x.iter().map(|(key, value)| (key.clone(), *value)).collect();
//~ let mut $o: Vec<(String, i64)> = $x.iter().map(|(key, value)| (key, value)).collect();
//~ let $o: Vec<(String, i64)> = $x.iter().map(|(key, value)| (key.clone(), *value)).collect();
$o.sort();
= pairs_filter: pairs -> pairs
let $o: Vec<(String, i64)> = $x.iter().filter(|(_, count)| *count > 3).cloned().collect();
//~ let $o: Vec<(String, i64)> = $x.iter().filter(|(_, count)| *count > 3).collect();
//~ let $o: Vec<(String, i64)> = $x.iter().filter(|(_, count)| count > 3).cloned().collect();
= pairs_spent: pairs! -> names
let mut $o = Vec::new();
//~ let $o = Vec::new();
for (name, count) in $x {
    if count > 3 {
        $o.push(name);
        //~ $o.push(name, count);
    }
}
= pairs_index: pairs -> string
let $o = $x[0].0.clone();
//~ let $o = $x[0].0;
//~ let $o = $x[0].name.clone();
= optname_if: optname -> flag
let $o = $x.is_some() && $x.as_deref() != Some("root");
//~ let $o = $x.is_some() && $x.as_deref() != "root";
= optname_list: optname! -> names
let $o: Vec<String> = $x.into_iter().collect();
//~ let $o: Vec<String> = $x;
= chars_loop: chars -> string
let mut $o = String::new();
//~ let $o = String::new();
for each in $x.iter() {
    $o.push(*each);
    //~ $o.push(each);
    //~ $o.push_str(each);
}
= chars_sorted: chars! -> chars
let mut $o = $x;
//~ let $o = $x;
$o.sort();
$o.reverse();
//~ $o.reversed();
= ch_number: ch -> optint
let $o = $x.to_digit(10).map(|digit| digit as i64);
//~ let $o: Option<i64> = $x.to_digit(10);
//~ let $o = $x.to_digit().map(|digit| digit as i64);
= ch_match: ch -> int
let $o = match $x {
    'a' => 1,
    //~ "a" => 1,
    'b' => 2,
    _ => 0,
    //~ -
};
= grid_first: grid -> ints
let $o = $x.first().cloned().unwrap_or_default();
//~ let $o: Vec<i64> = $x.first().cloned();
//~ let $o: Vec<i64> = $x[0];
= grid_changed: grid! -> grid
let mut $o = $x;
//~ let $o = $x;
for row in $o.iter_mut() {
//~ for row in $o.iter() {
    row.push(3);
}
= grid_nested: grid -> int
let mut $o = 0;
//~ let $o = 0;
for row in &$x[..] {
    for cell in row {
        $o += *cell;
        //~ $o += row;
    }
}
= set_has: set -> flag
let $o = $x.contains(&3);
//~ let $o = $x.contains(3);
= set_grown: set! -> set
let mut $o = $x;
//~ let $o = $x;
$o.insert(7);
//~ $o.push(7);
//~ $o.insert();
