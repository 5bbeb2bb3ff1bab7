= h_product: ints -> int
let $o: i64 = $x.iter().product();
//~ let $o = $x.iter().product();
= h_last_int: ints -> int
let $o = $x.last().copied().unwrap_or(5);
//~ let $o = $x.last().unwrap_or(5);
= h_min_loop: ints -> optint
let mut $o = None;
//~ let $o = None;
for each in $x.iter() {
    if $o.is_none_or(|least| *each < least) {
        $o = Some(*each);
        //~ $o = each;
    }
}
= h_positions: ints -> map
let mut $o = HashMap::new();
//~ let $o = HashMap::new();
for (at, each) in $x.iter().enumerate() {
    $o.insert(at.to_string(), *each);
    //~ $o.insert(at, *each);
    //~ $o.insert(at.to_string(), each);
}
use std::collections::HashMap;
= h_squares: ints -> ints
let mut $o = Vec::new();
//~ let $o = Vec::new();
for each in $x.iter() {
    $o.push(each * each);
    //~ $o.push(each, each);
}
= h_consumed: ints! -> ints
let mut $o = $x;
//~ let $o = $x;
$o.retain(|each| *each > 3);
//~ $o.retain(|each| each > 3);
= h_ints_text: ints -> string
let $o = format!("{:?}", $x);
//~ let $o = format!("{}", $x);
= h_opt_step: optint -> int
let $o = if let Some(inner) = $x { inner + 7 } else { 3 };
//~ let $o = if let Some(inner) = $x { inner + 7 };
//~ let $o = if let Some(inner) = $x { inner + 7 } else { None };
= h_opt_text: optint -> string
let $o = match $x {
    Some(inner) => inner.to_string(),
    //~ Some(inner) => inner,
    None => "nothing".to_string(),
    //~ None => "nothing",
    //~ -
};
= h_opt_and: optint -> optint
let $o = $x.and_then(|inner| if inner > 4 { Some(inner) } else { None });
//~ let $o = $x.and_then(|inner| if inner > 4 { inner } else { None });
= h_res_default: resint! -> int
let $o = $x.unwrap_or(4);
//~ let $o = $x.unwrap_or("4");
//~ let $o: i64 = $x;
= h_res_flag: resint -> flag
let $o = $x.is_ok();
//~ let $o = $x.is_some();
= h_initials: names -> string
let $o: String = $x.iter().filter_map(|each| each.chars().next()).collect();
//~ let $o = $x.iter().filter_map(|each| each.chars().next()).collect();
= h_last_name: names -> optname
let $o = $x.last().cloned();
//~ let $o: Option<String> = $x.last();
= h_marked: names -> names
let mut $o = Vec::new();
for each in $x.iter() {
    $o.push(format!("*{each}"));
    //~ $o.push("*" + each);
}
= h_name_moved: names! -> names
let mut $o = $x;
//~ let $o = $x;
$o.push("end".to_string());
//~ $o.push("end");
= h_longest: names -> size
let $o = $x.iter().map(|each| each.len()).max().unwrap_or(0);
//~ let $o: usize = $x.iter().map(|each| each.len()).max();
= h_str_upper: str -> string
let $o = $x.to_uppercase();
//~ let $o: &str = $x.to_uppercase();
= h_str_split: str -> names
let $o: Vec<String> = $x.split(',').map(String::from).collect();
//~ let $o: Vec<String> = $x.split(',').collect();
= h_str_digits: str -> int
let mut $o = 0;
//~ let $o = 0;
for each in $x.chars() {
//~ for each in $x {
    if each.is_ascii_digit() {
        $o += 1;
    }
}
= h_str_real: str -> real
let $o: f64 = $x.parse().unwrap_or(0.5);
//~ let $o: f64 = $x.parse();
= h_string_pad: string! -> string
let mut $o = $x;
//~ let $o = $x;
$o.insert(0, '>');
//~ $o.insert(0, ">");
= h_string_chars: string -> chars
let $o: Vec<char> = $x.chars().collect();
//~ let $o: Vec<char> = $x.chars();
= h_string_moved: string! -> string
let boxed: Box<String> = Box::new($x);
//~ let boxed: Box<String> = $x;
let $o = boxed.replace("left", "right");
//~ let $o = boxed.replace("left");
= h_string_test: string -> flag
let $o = $x.is_empty() || $x.contains("part");
//~ let $o = $x.is_empty() || $x.contains(3);
= h_int_power: int -> int
let $o = $x.pow(2);
//~ let $o = $x.pow(2.0);
//~ let $o = $x.pow();
= h_int_clamped: int -> int
let $o = if $x > 50 { 50 } else { $x };
//~ let $o = if $x > 50 { 50 };
//~ let $o = if $x > 50 { "50" } else { $x };
= h_int_half: int -> real
let half = $x as f64 / 2.0;
//~ let half = $x / 2.0;
//~ let half = $x as f64 / 2;
let $o = half.floor();
= h_int_even: int -> flag
let $o = $x % 2 == 0;
//~ let $o = $x % 2 == "0";
= h_pair_max: pair -> int
let $o = $x.0.max($x.1);
//~ let $o = $x.0.max($x.2);
= h_size_list: size -> names
let $o = vec!["item".to_string(); $x];
//~ let $o: Vec<String> = vec!["item"; $x];
= h_size_sum: size -> size
let $o: usize = (0..$x).sum();
//~ let $o = (0..$x).sum();
= h_flag_number: flag -> int
let $o = if !$x { 3 } else { 4 };
//~ let $o = if !$x { 3 } else { "4" };
= h_real_text: real -> string
let $o = format!("{:.2}", $x);
//~ let $o: &str = format!("{:.2}", $x);
= h_reals_mean: reals -> real
let $o = $x.iter().sum::<f64>() / $x.len() as f64;
//~ let $o = $x.iter().sum::<f64>() / $x.len();
= h_map_max: map -> optint
let $o = $x.values().max().copied();
//~ let $o: Option<i64> = $x.values().max();
= h_map_lines: map -> names
let mut $o = Vec::new();
//~ let $o = Vec::new();
for (key, value) in &$x {
    $o.push(format!("{key} {value}"));
}
$o.sort();
= h_map_remove: map! -> int
let mut table = $x;
//~ let table = $x;
let $o = table.remove("old").unwrap_or(0);
//~ let $o: i64 = table.remove("old");
= h_pairs_first: pairs -> optname
let $o = $x.first().map(|(name, _)| name.clone());
//~ let $o = $x.first().map(|(name, _)| name);
= h_pairs_best: pairs -> int
let mut $o = 0;
//~ let $o = 0;
for (_, count) in $x.iter() {
    if *count > $o {
    //~ if count > $o {
        $o = *count;
        //~ $o = count;
    }
}
= h_optname_upper: optname -> string
let $o = match $x.as_deref() {
    Some(name) => name.to_uppercase(),
    //~ Some(name, _) => name.to_uppercase(),
    None => "?".to_string(),
    //~ -
};
= h_chars_count: chars -> map
let mut $o: HashMap<String, i64> = HashMap::new();
for each in $x.iter() {
    *$o.entry(each.to_string()).or_insert(0) += 1;
    //~ $o.entry(each.to_string()).or_insert(0) += 1;
}
use std::collections::HashMap;
= h_grid_max: grid -> int
let $o = $x.iter().flatten().max().copied().unwrap_or(0);
//~ let $o: i64 = $x.iter().flatten().max().unwrap_or(0);
= h_grid_diagonal: grid -> int
let mut $o = 0;
for at in 0..$x.len() {
    $o += $x[at][at];
    //~ $o += $x[at, at];
}
