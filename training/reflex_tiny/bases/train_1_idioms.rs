= sum_iter: ints -> int
let $o: i64 = $x.iter().sum();
//~ let $o = $x.iter().sum();
//~ let $o: i64 = $x.sum();
= sum_loop: ints -> int
let mut $o = 0;
//~ let $o = 0;
for each in $x.iter() {
    $o += *each;
}
= max_or: ints -> int
let $o = $x.iter().max().copied().unwrap_or(0);
//~ let $o = $x.iter().max().unwrap_or(0);
//~ let $o = $x.iter().max().copied();
= first_int: ints -> optint
let $o = $x.first().copied();
//~ let $o = $x.first();
= doubled: ints -> ints
let $o: Vec<i64> = $x.iter().map(|each| each * 2).collect();
//~ let $o = $x.iter().map(|each| each * 2).collect();
//~ let $o: Vec<i64> = $x.iter().map(|each| each * 2);
= filtered: ints -> ints
let $o: Vec<i64> = $x.iter().filter(|each| **each > 3).copied().collect();
//~ let $o: Vec<i64> = $x.iter().filter(|each| each > 3).copied().collect();
//~ let $o: Vec<i64> = $x.iter().filter(|each| **each > 3).collect();
= sorted_copy: ints -> ints
let mut $o = $x.to_vec();
//~ let $o = $x.to_vec();
$o.sort();
//~ let $o = $o.sort();
= into_texts: ints -> names
let $o: Vec<String> = $x.iter().map(|each| each.to_string()).collect();
//~ let $o: Vec<String> = $x.iter().map(|each| each).collect();
= size_of_ints: ints -> size
let $o = $x.len();
//~ let $o = $x.len;
= reversed_loop: ints -> ints
let mut $o = Vec::new();
for each in $x.iter().rev() {
    $o.push(*each);
    //~ $o.push(each);
}
= average: ints -> real
let count = $x.len();
let total: i64 = $x.iter().sum();
let $o = total as f64 / count as f64;
//~ let $o = total as f64 / count;
//~ let $o: f64 = total / count;
= has_zero: ints -> flag
let $o = $x.contains(&0);
//~ let $o = $x.contains(0);
= consume_sum: ints! -> int
let $o: i64 = $x.into_iter().map(|each| each + 3).sum();
//~ let $o = $x.into_iter().map(|each| each + 3).sum();
= extended: ints! -> ints
let mut $o = $x;
//~ let $o = $x;
$o.push(7);
//~ $o.push("7");
= index_loop: ints -> int
let mut $o = 0;
for at in 0..$x.len() {
//~ for at in 0..$x {
//~ for at in $x.len() {
    $o += $x[at];
    //~ $o += $x(at);
}
= match_int: optint -> int
let $o = match $x {
    Some(inner) => inner + 3,
    //~ Some(inner) => Some(inner + 3),
    //~ Some(inner, _) => inner + 3,
    None => 0,
    //~ -
};
= option_map: optint -> optint
let $o = $x.map(|inner| inner * 3);
//~ let $o: i64 = $x.map(|inner| inner * 3);
= option_or: optint -> int
let $o = $x.unwrap_or(9);
//~ let $o: i64 = $x;
//~ let $o = $x.unwrap_or("9");
= option_to_result: optint -> resint
let $o: Result<i64, String> = $x.ok_or("missing".to_string());
//~ let $o: Result<i64, String> = $x.ok_or("missing");
= if_let_value: optint -> int
let mut $o = 5;
//~ let $o = 5;
if let Some(inner) = $x {
//~ if let inner = Some($x) {
//~ if Some(inner) = $x {
    $o += inner;
    //~ $o += $x;
}
= is_there: optint -> flag
let $o = $x.is_some();
//~ let $o: bool = $x;
= result_value: resint -> int
let $o = match &$x {
    Ok(value) => *value,
    //~ Ok(value) => value,
    Err(_) => 0,
    //~ -
    //~ Err => 0,
};
= result_text: resint -> string
let $o = match $x.as_ref() {
    Ok(value) => value.to_string(),
    Err(error) => error.clone(),
    //~ Err(error) => error,
};
= result_ok: resint! -> optint
let $o = $x.ok();
//~ let $o: Option<i64> = $x;
= joined_names: names -> string
let $o = $x.join(", ");
//~ let $o = $x.join(',');
= lengths: names -> size
let $o: usize = $x.iter().map(|each| each.len()).sum();
//~ let $o = $x.iter().map(|each| each.len()).sum();
//~ let $o: i64 = $x.iter().map(|each| each.len()).sum();
= upper_names: names -> names
let $o: Vec<String> = $x.iter().map(|each| each.to_uppercase()).collect();
//~ let $o: Vec<&str> = $x.iter().map(|each| each.to_uppercase()).collect();
= first_name: names -> optname
let $o = $x.first().cloned();
//~ let $o: Option<String> = $x.first();
= name_lengths: names -> map
let mut $o = HashMap::new();
//~ let $o = HashMap::new();
for each in $x.iter() {
    $o.insert(each.clone(), each.len() as i64);
    //~ $o.insert(each, each.len() as i64);
    //~ $o.insert(each.clone());
}
use std::collections::HashMap;
= counted_names: names -> map
let mut $o: HashMap<String, i64> = HashMap::new();
//~ let $o: HashMap<String, i64> = HashMap::new();
for each in $x.iter() {
    *$o.entry(each.clone()).or_insert(0) += 1;
    //~ $o.entry(each.clone()).or_insert(0) += 1;
    //~ *$o.entry(each).or_insert(0) += 1;
}
use std::collections::HashMap;
= long_names: names -> names
let mut $o: Vec<String> = Vec::new();
for each in $x.iter() {
    if each.len() > 4 {
        $o.push(each.clone());
        //~ $o.push(each);
    }
}
= taken_name: names! -> string
let mut all = $x;
//~ let all = $x;
let $o = all.pop().unwrap_or_default();
//~ let $o: String = all.pop();
= kept_name: names -> string
let $o = $x[0].clone();
//~ let $o = $x[0];
= name_and_size: names -> string
let $o = format!("{} names", $x.len());
//~ let $o = format!("{} names");
//~ let $o = format!("{} names", $x.len);
= moved_names: names! -> size
let moved = $x;
let $o = moved.len();
= trimmed_str: str -> string
let $o = $x.trim().to_string();
//~ let $o: String = $x.trim();
= str_words: str -> names
let $o: Vec<String> = $x.split_whitespace().map(|each| each.to_string()).collect();
//~ let $o: Vec<String> = $x.split_whitespace().collect();
= str_size: str -> size
let $o = $x.chars().count();
//~ let $o = $x.chars().len();
= str_number: str -> optint
let $o: Option<i64> = $x.parse().ok();
//~ let $o: Option<i64> = $x.parse();
//~ let $o = $x.parse().ok();
= str_result: str -> resint
let $o = $x.parse::<i64>().map_err(|error| error.to_string());
//~ let $o: Result<i64, String> = $x.parse::<i64>();
= str_chars: str -> chars
let $o: Vec<char> = $x.chars().collect();
//~ let $o = $x.chars().collect();
//~ let $o: Vec<char> = $x.collect();
= str_reversed: str -> string
let $o: String = $x.chars().rev().collect();
//~ let $o: &str = $x.chars().rev().collect();
= str_starts: str -> flag
let $o = $x.starts_with("pre");
//~ let $o = $x.starts_with(3);
= str_push: str -> string
let mut $o = String::from($x);
//~ let $o = String::from($x);
//~ let mut $o = $x;
$o.push('!');
//~ $o.push("!");
= string_upper: string -> string
let $o = $x.to_uppercase();
//~ let $o = $x.to_upper();
= string_len: string -> size
let $o = $x.len();
//~ let $o: i64 = $x.len();
= string_more: string! -> string
let mut $o = $x;
//~ let $o = $x;
$o.push_str("more");
//~ $o.push_str('m');
//~ $o += String::from("more");
= string_view: string -> size
let view: &str = &$x;
//~ let view: &str = $x;
let $o = view.len();
= string_joined: string -> string
let $o = $x.clone() + "tail";
//~ let $o = $x.clone() + String::from("tail");
//~ let $o = "tail" + $x.clone();
= string_given: string! -> size
let owned: String = $x;
let $o = owned.len() + 3;
//~ let $o = owned.len() + "3";
= string_lines: string -> names
let $o: Vec<String> = $x.lines().map(String::from).collect();
//~ let $o: Vec<String> = $x.lines().collect();
= int_doubled: int -> int
let $o = $x * 2 + 3;
//~ let $o = $x * 2 + "3";
//~ let $o = $x * 2.0 + 3;
= int_checked: int -> optint
let $o = if $x > 9 { Some($x) } else { None };
//~ let $o = if $x > 9 { $x } else { None };
//~ let $o = if $x > 9 { Some($x) };
= int_text: int -> string
let $o = format!("value {}", $x);
//~ let $o = "value " + $x;
= int_range: int -> ints
let $o: Vec<i64> = (0..$x).collect();
//~ let $o = (0..$x).collect();
= int_real: int -> real
let $o = $x as f64 * 0.5;
//~ let $o = $x * 0.5;
= int_sign: int -> string
let $o = match $x {
    0 => "none".to_string(),
    1 => "one".to_string(),
    //~ 1 => "one",
    _ => "many".to_string(),
    //~ -
};
= int_loop: int -> int
let mut $o = 1;
//~ let $o = 1;
let mut left = $x;
//~ let left = $x;
while left > 0 {
//~ while left {
    $o += left;
    left -= 1;
}
= int_shadow: int -> int
let next = |value: i64| value + 3;
let $o = next($x);
//~ let $o = next($x, 1);
//~ let $o = next();
= int_pair: int -> pair
let $o = ($x, $x + 3);
//~ let $o: i64 = ($x, $x + 3);
= pair_sum: pair -> int
let (left, right) = $x;
//~ let (left, right, other) = $x;
let $o = left + right;
//~ let $o = left + $x;
= pair_first: pair -> int
let $o = $x.0 + 3;
//~ let $o = $x.first + 3;
//~ let $o = $x[0] + 3;
= size_int: size -> int
let $o = $x as i64 + 3;
//~ let $o: i64 = $x + 3;
= size_flag: size -> flag
let $o = $x > 5;
//~ let $o: bool = $x;
= size_indexed: size -> int
let table = [3, 4, 5];
let $o: i64 = table[$x % 3];
//~ let $o: i64 = table[$x as i64 % 3];
= flag_text: flag -> string
let $o = if $x { "yes".to_string() } else { "no".to_string() };
//~ let $o = if $x { "yes".to_string() } else { "no" };
//~ let $o = if $x == 1 { "yes".to_string() } else { "no".to_string() };
= flag_match: flag -> int
let $o = match $x {
    true => 3,
    false => 4,
    //~ -
};
= real_rounded: real -> int
let $o = $x.round() as i64;
//~ let $o: i64 = $x.round();
= real_root: real -> real
let $o = ($x * $x + 2.0).sqrt();
//~ let $o = ($x * $x + 2).sqrt();
= reals_max: reals -> real
let mut $o = 0.0;
//~ let $o = 0.0;
for each in $x.iter() {
    if *each > $o {
    //~ if each > $o {
        $o = *each;
        //~ $o = each;
    }
}
= reals_sum: reals -> real
let $o: f64 = $x.iter().sum();
//~ let $o = $x.iter().sum();
= reals_sorted: reals -> reals
let mut $o = $x.to_vec();
$o.sort_by(|left, right| left.total_cmp(right));
//~ $o.sort();
= map_get: map -> optint
let $o = $x.get("key").copied();
//~ let $o: Option<i64> = $x.get("key");
= map_total: map -> int
let $o: i64 = $x.values().sum();
//~ let $o: i64 = $x.sum();
= map_keys: map -> names
let mut $o: Vec<String> = $x.keys().cloned().collect();
//~ let mut $o: Vec<String> = $x.keys().collect();
//~ let $o: Vec<String> = $x.keys().cloned().collect();
$o.sort();
= map_loop: map -> int
let mut $o = 0;
for (key, value) in $x.iter() {
//~ for key, value in $x.iter() {
    if key.len() > 3 {
        $o += *value;
    }
}
= map_has: map -> flag
let $o = $x.contains_key("key");
//~ let $o = $x.contains("key");
= map_more: map! -> map
let mut $o = $x;
//~ let $o = $x;
$o.insert("extra".to_string(), 3);
//~ $o.insert("extra", 3);
//~ $o.insert("extra".to_string());
= map_pairs: map! -> pairs
let $o: Vec<(String, i64)> = $x.into_iter().collect();
//~ let $o: Vec<(String, i64)> = $x.iter().collect();
= pairs_total: pairs -> int
let $o: i64 = $x.iter().map(|(_, count)| count).sum();
//~ let $o: i64 = $x.iter().map(|_, count| count).sum();
= pairs_names: pairs -> names
let $o: Vec<String> = $x.iter().map(|(name, _)| name.clone()).collect();
//~ let $o: Vec<String> = $x.iter().map(|(name, _)| name).collect();
= pairs_loop: pairs -> string
let mut $o = String::new();
//~ let $o = String::new();
for (name, count) in $x.iter() {
    $o.push_str(&format!("{name}={count};"));
    //~ $o.push_str(format!("{name}={count};"));
}
= pairs_map: pairs -> map
let $o: HashMap<String, i64> = $x.iter().cloned().collect();
//~ let $o: HashMap<String, i64> = $x.iter().collect();
use std::collections::HashMap;
= optname_text: optname -> string
let $o = $x.clone().unwrap_or_default();
//~ let $o = $x.clone();
= optname_len: optname -> size
let $o = $x.as_ref().map(|name| name.len()).unwrap_or(0);
//~ let $o: usize = $x.as_ref().map(|name| name.len());
= optname_match: optname -> string
let $o = match &$x {
    Some(name) => format!("<{}>", name),
    None => String::new(),
    //~ -
};
= optname_taken: optname! -> string
let $o = $x.unwrap_or("none".to_string());
//~ let $o = $x.unwrap_or("none");
= optname_let_else: optname -> size
let mut $o = 0;
if let Some(name) = &$x {
//~ if let Some(name) = &$x
    $o = name.len();
    //~ $o = name;
}
= chars_upper: chars -> string
let $o: String = $x.iter().map(|each| each.to_ascii_uppercase()).collect();
//~ let $o = $x.iter().map(|each| each.to_ascii_uppercase()).collect();
= chars_digits: chars -> size
let $o = $x.iter().filter(|each| each.is_ascii_digit()).count();
//~ let $o: i64 = $x.iter().filter(|each| each.is_ascii_digit()).count();
= chars_first: chars -> ch
let $o = *$x.first().unwrap_or(&'x');
//~ let $o = $x.first().unwrap_or("x");
//~ let $o: char = $x.first().unwrap_or(&'x');
= ch_text: ch -> string
let $o = $x.to_string();
//~ let $o: String = $x;
= ch_flag: ch -> flag
let $o = $x == 'a' || $x.is_numeric();
//~ let $o = $x == "a" || $x.is_numeric();
= grid_flat: grid -> ints
let $o: Vec<i64> = $x.iter().flatten().copied().collect();
//~ let $o: Vec<i64> = $x.iter().flatten().collect();
= grid_cell: grid -> int
let $o = $x[0][1];
//~ let $o = $x[0, 1];
= grid_rows: grid -> ints
let mut $o = Vec::new();
for row in $x.iter() {
    $o.push(row.iter().sum::<i64>());
    //~ $o.push(row.iter().sum());
}
= grid_size: grid -> size
let $o = $x.iter().map(|row| row.len()).sum::<usize>();
//~ let $o: usize = $x.iter().map(|row| row.len());
= ints_set: ints -> set
let $o: HashSet<i64> = $x.iter().copied().collect();
//~ let $o: HashSet<i64> = $x.iter().collect();
use std::collections::HashSet;
= set_size: set -> size
let $o = $x.len();
//~ let $o = $x.size();
= set_sorted: set! -> ints
let mut $o: Vec<i64> = $x.into_iter().collect();
//~ let mut $o: Vec<i64> = $x;
$o.sort();
