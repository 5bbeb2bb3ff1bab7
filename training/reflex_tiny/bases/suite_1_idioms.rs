= s_spread: ints -> int
let $o = $x.iter().max().unwrap_or(&0) - $x.iter().min().unwrap_or(&0);
//~ let $o = $x.iter().max().unwrap_or(0) - $x.iter().min().unwrap_or(&0);
//~ let $o = $x.max().unwrap_or(&0) - $x.iter().min().unwrap_or(&0);
= s_running: ints -> ints
let mut $o = Vec::new();
//~ let $o = Vec::new();
let mut sum = 0;
//~ let sum = 0;
for each in $x.iter() {
    sum += each;
    $o.push(sum);
    //~ $o.push();
}
= s_evens: ints -> size
let $o = $x.iter().filter(|each| **each % 2 == 0).count();
//~ let $o = $x.iter().filter(|each| each % 2 == 0).count();
//~ let $o = $x.iter().filter(|each| **each % 2 = 0).count();
= s_tail: ints -> ints
let $o: Vec<i64> = $x.iter().skip(1).copied().collect();
//~ let $o: Vec<i64> = $x.iter().skip(1).collect();
//~ let $o = $x.iter().skip(1).copied().collect();
= s_clipped: ints! -> ints
let $o: Vec<i64> = $x.into_iter().map(|each| each.min(20)).collect();
//~ let $o: Vec<i64> = $x.into_iter().map(|each| each.min("20")).collect();
//~ let $o: Vec<i64> = $x.into_iter().map(each.min(20)).collect();
= s_opt_plus: optint -> int
let $o = match $x {
    Some(inner) => inner * 2,
    //~ Some(inner) => $x * 2,
    //~ Some => 2,
    None => 1,
    //~ -
};
= s_opt_word: optint -> string
let $o = $x.map(|inner| inner.to_string()).unwrap_or_default();
//~ let $o: String = $x.map(|inner| inner.to_string());
= s_res_add: resint -> int
let $o = match $x {
    Ok(inner) => inner + 4,
    Err(_) => 0,
    //~ -
    //~ None => 0,
};
= s_short: names -> ints
let $o: Vec<i64> = $x.iter().map(|each| each.len() as i64).collect();
//~ let $o: Vec<i64> = $x.iter().map(|each| each.len()).collect();
= s_greeting: names -> string
let mut $o = String::from("dear");
//~ let $o = String::from("dear");
for each in $x.iter() {
    $o.push(' ');
    //~ $o.push(" ");
    $o.push_str(each);
    //~ $o.push_str(*each);
}
= s_kept_copy: names! -> names
let mut $o = $x.clone();
//~ let mut $o = $x;
$o.extend($x);
//~ $o.push($x);
= s_str_swap: str -> string
let $o = $x.replace("a", "b");
//~ let $o = $x.replace("a");
//~ let $o: &str = $x.replace("a", "b");
= s_str_vowels: str -> size
let $o = $x.chars().filter(|each| "aeiou".contains(*each)).count();
//~ let $o = $x.filter(|each| "aeiou".contains(*each)).count();
//~ let $o = $x.chars().filter(|each| "aeiou".contains(*each));
= s_str_tail: str -> str
let $o = $x.strip_prefix("old").unwrap_or($x);
//~ let $o = $x.strip_prefix("old");
//~ let $o = $x.strip_prefix().unwrap_or($x);
= s_string_twice: string! -> string
let mut $o = $x.clone();
//~ let mut $o = $x;
$o.push_str(&$x);
//~ $o.push_str($x);
= s_string_vow: string -> flag
let $o = $x.is_empty() || $x.starts_with('a');
//~ let $o = $x.is_empty() or $x.starts_with('a');
= s_int_steps: int -> ints
let mut $o = vec![$x];
//~ let $o = vec![$x];
while $o.len() < 4 {
    $o.push($o[$o.len() - 1] + 3);
    //~ $o.push($o.last() + 3);
}
= s_int_sign_text: int -> str
let $o = if $x > 3 { "many" } else { "few" };
//~ let $o = if $x > 3 { "many" } else { 3 };
//~ let $o = if $x { "many" } else { "few" };
= s_int_wrapped: int -> resint
let $o = if $x > 5 { Ok($x) } else { Err("small".to_string()) };
//~ let $o = if $x > 5 { Ok($x) } else { Err("small") };
//~ let $o: Result<i64, String> = if $x > 5 { $x } else { Err("small".to_string()) };
= s_size_bars: size -> string
let $o = "-".repeat($x);
//~ let $o = "-".repeat();
//~ let $o = '-'.repeat($x);
= s_real_label: real -> string
let $o = format!("{:.1}", $x);
//~ let $o: &str = format!("{:.1}", $x);
= s_reals_span: reals -> real
let mut $o = 0.0;
//~ let $o = 0.0;
//~ let mut $o = 0;
for each in $x.iter() {
    if *each > $o {
    //~ if each > $o {
        $o = *each;
        //~ $o = each;
    }
}
= s_map_values: map -> ints
let mut $o: Vec<i64> = $x.values().copied().collect();
//~ let mut $o: Vec<i64> = $x.values().collect();
//~ let $o: Vec<i64> = $x.values().copied().collect();
$o.sort();
= s_map_known: map -> flag
let $o = $x.get("red").is_some();
//~ let $o: bool = $x.get("red");
= s_pairs_top: pairs -> optint
let $o = $x.iter().map(|(_, count)| *count).max();
//~ let $o = $x.iter().map(|(_, count)| count).max();
//~ let $o = $x.iter().map(|(_, count, _)| *count).max();
= s_optname_or: optname! -> string
let $o = $x.unwrap_or_else(|| "nobody".to_string());
//~ let $o = $x.unwrap_or_else("nobody".to_string());
//~ let $o = $x.unwrap_or_else(|| "nobody");
= s_chars_text: chars -> string
let $o: String = $x.iter().rev().collect();
//~ let $o = $x.iter().rev().collect();
//~ let $o: String = $x.rev().collect();
= s_grid_sums: grid -> ints
let $o: Vec<i64> = $x.iter().map(|row| row.iter().sum()).collect();
//~ let $o: Vec<i64> = $x.iter().map(|row| row.sum()).collect();
//~ let $o = $x.iter().map(|row| row.iter().sum()).collect();
